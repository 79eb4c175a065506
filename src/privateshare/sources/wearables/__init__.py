"""Samsung Health, Oura and Withings: exports of wearables and scales as tables and JSON."""
