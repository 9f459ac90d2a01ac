"""``python -m tests.vectors``: write the golden frames of clients/vectors."""

from tests.vectors.files import FOLDER, files

if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="ascii")
        print(f"{name}: {text.count(chr(10))} frames")
