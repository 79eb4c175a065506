"""The paths of API, consent pages and storage below a platform's origin. Protocol 1."""

DEFAULT_PORT = 8790
DEFAULT_ORIGIN = f"http://127.0.0.1:{DEFAULT_PORT}"
API_PATH = "/v1.7/"
LEGACY_API_PATH = "/v1.6/"
ONBOARD_PATH = "/apps/saas/"
STORAGE_PATH = "/cloud/v1/"
