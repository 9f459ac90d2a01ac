"""The edge: the WebSocket protocol, the HTTP routes, tokens and admission of one process."""
