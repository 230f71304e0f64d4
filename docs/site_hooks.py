"""MkDocs hooks: pages that live at the project's root join the site, links to code become names.

GitHub shows the same Markdown with its links; the site holds the documents alone. A link to a
file that is not there fails the build, as MkDocs itself does for links between pages.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "ARCHITECTURE.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")
PICTURE = re.compile(r"!\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the project's root."""
    for source, page in ROOT_PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrites links: to the site's own pages where it has them, else to the file's name."""
    at_root = {page: source for source, page in ROOT_PAGES.items()}
    source = at_root.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def rewritten(match: re.Match[str]) -> str:
        target = match["target"]
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, hash_mark, anchor = target.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if not (ROOT / file).exists():
            raise PluginError(f"{source}: a link to {file}, which is not there")
        within = ROOT_PAGES.get(file, file.removeprefix("docs/"))
        if file in ROOT_PAGES or (file.startswith("docs/") and (ROOT / file).is_file()):
            here = posixpath.dirname(page.file.src_uri)
            return match[0].replace(
                f"({target})", f"({posixpath.relpath(within, here or '.')}{hash_mark}{anchor})"
            )
        text = match["text"]
        return text if "`" in text or "/" in text or "." in text else f"{text} (`{file}`)"

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    for number in range(0, len(parts), 2):
        parts[number] = PICTURE.sub(rewritten, LINK.sub(rewritten, parts[number]))
    return "".join(parts)
