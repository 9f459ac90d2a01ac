import pytest
from livegift_client.urls import http_url, websocket_url


@pytest.mark.parametrize("url", ["http://h:1", "http://h:1/", "ws://h:1", "ws://h:1/v1/ws", "http://h:1/v1/ws/"])
def test_any_form_of_a_base_url_gives_the_websockets_address(url: str) -> None:
    assert websocket_url(url) == "ws://h:1/v1/ws"


def test_encryption_and_a_path_prefix_are_kept() -> None:
    assert websocket_url("https://h/gifts") == "wss://h/gifts/v1/ws"
    assert http_url("wss://h/gifts/") == "https://h/gifts"


def test_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="no base URL"):
        websocket_url("localhost:8000")
