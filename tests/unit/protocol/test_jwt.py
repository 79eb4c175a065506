"""Protocol 2.1, 3: PS512 and nothing else."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from joserfc import jws
from joserfc.jwk import RSAKey
from tests.keys import rsa_key

from privateshare.errors import ConfigurationError, InvalidJWT
from privateshare.protocol import jwt

KEY, OTHER = rsa_key(), rsa_key(1)
CLAIMS = jwt.request_claims("app_contract", nonce="n" * 32, timestamp=1700000000000.5, redirect_uri=None)


def test_the_public_key_verifies_a_signature() -> None:
    """The claims are returned, without those that were None."""
    claims = jwt.verify(jwt.sign(KEY, CLAIMS), KEY.public_key())
    assert claims == {"client_id": "app_contract", "nonce": "n" * 32, "timestamp": 1700000000000.5}


@pytest.mark.protocol("2.1")
def test_the_signature_is_pss_with_a_salt_of_64_bytes() -> None:
    """A verifier that requires a salt of 64 bytes accepts our signatures."""
    head, payload, signature = jwt.sign(KEY, CLAIMS).split(".")
    pss = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
    raw = urlsafe_b64decode(signature + "==")
    KEY.public_key().verify(raw, f"{head}.{payload}".encode(), pss, hashes.SHA512())


@pytest.mark.parametrize("critical", [["b64"], ["exp"], [], "x"])
def test_critical_extensions_are_rejected(critical: object) -> None:
    """RFC 7515 4.1.11: a token with an unknown critical header must not be accepted."""
    header = {"alg": "PS512", "typ": "JWT", "b64": True, "exp": 1, "crit": critical}
    signed = ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, CLAIMS))
    pss = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
    signature = urlsafe_b64encode(KEY.sign(signed.encode(), pss, hashes.SHA512())).rstrip(b"=").decode()
    with pytest.raises(InvalidJWT, match="critical"):
        jwt.verify(f"{signed}.{signature}", KEY.public_key())


@pytest.mark.protocol("2.1")
def test_another_key_is_rejected() -> None:
    """A signature of any other key is invalid."""
    with pytest.raises(InvalidJWT):
        jwt.verify(jwt.sign(OTHER, CLAIMS), KEY.public_key())


@pytest.mark.protocol("2.1")
@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "PS384"])
def test_other_rsa_algorithms_are_rejected(algorithm: str) -> None:
    """Even if the right key signed."""
    token = jws.serialize_compact(
        {"alg": algorithm}, json.dumps(CLAIMS).encode(), RSAKey.import_key(KEY), algorithms=[algorithm]
    )
    with pytest.raises(InvalidJWT, match="PS512"):
        jwt.verify(token, KEY.public_key())


@pytest.mark.protocol("2.1")
def test_an_hmac_with_the_public_key_as_secret_is_rejected() -> None:
    """This attack is known as algorithm confusion."""
    pem = jwt.public_pem(KEY.public_key()).encode()
    signed = b".".join(
        urlsafe_b64encode(part).rstrip(b"=") for part in (b'{"alg":"HS256"}', json.dumps(CLAIMS).encode())
    )
    mac = hmac.digest(pem, signed, "sha256")
    token = b".".join([signed, urlsafe_b64encode(mac).rstrip(b"=")]).decode()
    with pytest.raises(InvalidJWT):
        jwt.verify(token, KEY.public_key())


@pytest.mark.protocol("2.1")
def test_the_algorithm_none_is_rejected() -> None:
    """A token without a signature is invalid."""
    head = urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    body = urlsafe_b64encode(json.dumps(CLAIMS).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidJWT):
        jwt.verify(f"{head}.{body}.", KEY.public_key())


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "x" * 40_000])
def test_an_invalid_jwt_is_rejected(text: str) -> None:
    """With the error of the protocol, for any text."""
    with pytest.raises(InvalidJWT):
        jwt.verify(text, KEY.public_key())


@pytest.mark.parametrize(
    "header", [b"[]", b'"PS512"', b"null", b"{", b"\xff", b'{"alg":"PS512","x":"%s"}' % (b"x" * 4096)]
)
def test_a_header_that_is_not_an_object_or_very_long_is_rejected(header: bytes) -> None:
    """However often it is sent: headers are kept."""
    token = f"{urlsafe_b64encode(header).rstrip(b'=').decode()}.e30.AAAA"
    for _ in range(2):
        with pytest.raises(InvalidJWT, match="not a JWT"):
            jwt.parse(token)


def test_a_payload_that_is_not_an_object_is_rejected() -> None:
    """A signed list is not a set of claims."""
    token = jws.serialize_compact({"alg": "PS512"}, b"[1]", RSAKey.import_key(KEY), algorithms=["PS512"])
    with pytest.raises(InvalidJWT, match="object"):
        jwt.verify(token, KEY.public_key())


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_private_keys_are_loaded_from_both_pem_forms(form: serialization.PrivateFormat) -> None:
    """PKCS#8 and PKCS#1 yield the same key."""
    pem = KEY.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    assert jwt.load_private_key(pem.decode()).private_numbers() == KEY.private_numbers()


def test_short_keys_and_keys_of_other_types_are_rejected() -> None:
    """1024 bits, elliptic curves and random bytes; the message says what is expected."""
    short = rsa.generate_private_key(65537, 1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    texts = [
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        for key in (short, curve)
    ]
    for text in [*texts, b"noise"]:
        with pytest.raises(ConfigurationError, match="RSA"):
            jwt.load_private_key(text)


@pytest.mark.protocol("3.2")
def test_the_key_set_entry_contains_pkcs1() -> None:
    """`pem` is PKCS#1, the only form that the iOS client reads."""
    entry = jwt.key_set_entry(KEY.public_key(), "kid-1")
    assert entry["pem"].startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert (entry["kty"], entry["alg"], entry["use"], entry["kid"]) == ("RSA", "PS512", "sig", "kid-1")
    assert jwt.load_public_key(entry["pem"]).public_numbers() == KEY.public_key().public_numbers()
