"""schemathesis asks a real demo server everything that its OpenAPI document allows, and much that it does not."""
