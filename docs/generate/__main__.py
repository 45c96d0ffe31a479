"""Write every page."""

from docs.generate.pages import PAGES, pages

if __name__ == "__main__":
    for name, text in pages().items():
        (PAGES / name).write_text(text, "utf-8")
