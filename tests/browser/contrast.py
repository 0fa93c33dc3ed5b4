"""Whether text can be read: its contrast with what is behind it."""

from __future__ import annotations

from playwright.sync_api import Page


def hard_to_read(page: Page, inside: str) -> list[str]:
    """Return the texts inside a selector whose contrast with their background is below 4.5 : 1, as WCAG 2 counts it."""
    texts: list[str] = page.evaluate(
        """inside => {
            // rgb() counts to 255, and color(srgb …), which is what a mix of colours comes to, to 1
            const channels = css => (css.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number)
                .map((value, i) => i < 3 && css.startsWith('color(srgb') ? 255 * value : value);
            const over = ([r, g, b, a = 1], under, alpha = 1) =>
                [r, g, b].map((value, i) => value * a * alpha + under[i] * (1 - a * alpha));
            const luminance = color => color
                .map(value => value / 255)
                .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
                .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
            const ancestors = element => element ? [...ancestors(element.parentElement), element] : [];
            const contrast = element => {
                const line = ancestors(element).map(one => getComputedStyle(one));
                const behind = line.reduce((under, style) => over(channels(style.backgroundColor), under),
                    [255, 255, 255]);
                const alpha = line.reduce((product, style) => product * Number(style.opacity), 1);
                const front = over(channels(getComputedStyle(element).color), behind, alpha);
                const [high, low] = [luminance(front), luminance(behind)].sort((a, b) => b - a);
                return (high + 0.05) / (low + 0.05);
            };
            const texts = [...document.querySelectorAll(`${inside} *`)]
                .filter(element => !element.closest('mjx-container'))
                .filter(element => [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
            return texts.filter(element => contrast(element) < 4.5)
                .map(element => `${contrast(element).toFixed(2)} ${element.textContent.slice(0, 60)}`);
        }""",
        inside,
    )
    return texts
