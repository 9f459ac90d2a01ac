"""A filter that fails costs the text; one that can't be had is a sentence at the start."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.filters import open_filter, safely


def test_words_of_a_file_are_masked(tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text("# bad ones\nheck\n")
    assert open_filter(Config(filter="words", filter_words=words))("heck # bad") == "**** # bad"
    assert open_filter(Config())("heck") == "heck"


def test_a_filter_that_raises_costs_the_text_alone_and_never_logs_it() -> None:
    class Broken:
        def clean(self, text: str) -> str:
            raise RuntimeError(text)

    with capture_logs() as logs:
        assert safely(Broken())("a secret") is None
    assert [line["event"] for line in logs] == ["filter_failed"]
    assert "a secret" not in str(logs)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"filter": "words"}, "name the file"),
        ({"filter": "words", "filter_words": Path("/nowhere")}, "can't be read"),
        ({"filter": "magic"}, "filter is 'magic'; there are none, words"),
    ],
)
def test_what_can_not_be_had_is_a_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(CannotRun, match=sentence):
        open_filter(Config(**settings))  # type: ignore[arg-type]


def test_paths_survive_the_way_to_a_child() -> None:
    config = Config(filter_words=Path("words"))
    assert Config.from_json(config.to_json()) == config
    assert Config.from_json(Config().to_json()) == Config()
