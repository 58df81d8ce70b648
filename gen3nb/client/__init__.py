"""The only part of gen3nb that speaks HTTP: transport, sign-in, profiles, and one module per service."""
