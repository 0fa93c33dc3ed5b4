"""Tests with torch and transformers: `make test-transformers`. Nothing here imports either before a test runs."""
