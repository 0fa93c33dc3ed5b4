"""Whether a page shuts people out: axe-core, which `npm ci` brings, asked about our part of the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"


def shuts_out(page: Page, inside: str = ".magistral") -> list[str]:
    """Return the serious and critical faults that axe finds inside a selector, one line each."""
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=AXE)
    faults: list[str] = page.evaluate(
        """async inside => {
            const forced = matchMedia('(forced-colors: active)').matches;  // axe sees our colours, not the system's
            // JupyterLab's body has no height, and hides what leaves it: axe would take every text for unseen
            document.body.style.height = '100vh';
            const rules = {'color-contrast': {enabled: !forced}};
            const {violations, passes} = await window.axe.run(inside, {rules});
            document.body.style.height = '';
            if (!forced && !passes.some(({id}) => id === 'color-contrast'))
                throw new Error(`axe looked at no text inside ${inside}, light: ${document.body.dataset.jpThemeLight}`);
            return violations.filter(({impact}) => ['serious', 'critical'].includes(impact)).flatMap(
                ({id, nodes}) => nodes.map(({html, any}) => `${id}: ${html.slice(0, 90)} ${any[0]?.message ?? ''}`));
        }""",
        inside,
    )
    return faults
