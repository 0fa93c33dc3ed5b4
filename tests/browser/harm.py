"""What a hostile text could do to a page, looked for in every picture of ours that the page holds."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.listener import Listener
from tests.hostile import HOST

HARM = """([host, inside]) => {
    const harm = [];
    const slack = 10;  // a space at the end of a line, and the border of code, may hang over
    const boxes = [...document.querySelectorAll(inside)].filter(box => box.isConnected);
    const ours = element =>  // a model's text makes no element with a class
        element.matches('button.magistral-button, button.magistral-thinking-head, .magistral-fold[id^=magistral-], '
            + 'form.magistral-composer, .magistral-drawer, .magistral-unseen');
    const clipped = (element, box) => {
        let {left, right, top, bottom} = element.getBoundingClientRect();
        for (let one = element.parentElement; one && one !== box; one = one.parentElement) {
            if (getComputedStyle(one).overflowX === 'visible') continue;
            const frame = one.getBoundingClientRect();
            [left, right] = [Math.max(left, frame.left), Math.min(right, frame.right)];
            [top, bottom] = [Math.max(top, frame.top), Math.min(bottom, frame.bottom)];
        }
        return {left, right, top, bottom};
    };
    for (const box of boxes) {
        const frame = box.getBoundingClientRect();
        const words = box.textContent.slice(0, 40);
        if (getComputedStyle(box).overflowX === 'visible') harm.push(`an open box: ${words}`);
        for (const element of box.querySelectorAll('*')) {
            const name = element.tagName.toLowerCase();
            const inMath = element.closest('mjx-container, .katex');
            if (ours(element)) continue;
            if (/^(script|iframe|object|embed|form|input|button|link|meta|base|style|img|video|audio)$/.test(name))
                harm.push(`<${name}> in ${words}`);
            for (const attribute of element.attributes) {
                if (/^on/.test(attribute.name)) harm.push(`${attribute.name}= in ${words}`);
                if (!inMath && /^(id|name|src|srcset|poster|action|background)$/.test(attribute.name))
                    harm.push(`${attribute.name}= in ${words}`);
            }
            if (getComputedStyle(element).position === 'fixed') harm.push(`fixed ${name} in ${words}`);
            const seen = clipped(element, box);
            if (seen.right - seen.left < 1 || seen.bottom - seen.top < 1 || inMath) continue;
            if (seen.left < frame.left - slack || seen.right > frame.right + slack
                || seen.top < frame.top - slack || seen.bottom > frame.bottom + slack)
                harm.push(`${name} "${element.textContent.slice(0, 30)}" leaves the box of ${words}`
                    + ` (${Math.round(seen.left - frame.left)}, ${Math.round(seen.right - frame.right)},`
                    + ` ${Math.round(seen.top - frame.top)}, ${Math.round(seen.bottom - frame.bottom)})`);
        }
        for (const link of box.querySelectorAll('a[href]'))
            if (link.host === host && (!/noopener/.test(link.rel) || !box.textContent.includes(host)))
                harm.push(`a link in ${words}`);
    }
    return {
        boxes: boxes.length, harm, pwned: window.__pwned ?? null, base: document.baseURI.includes(host),
        url: location.href,
        requested: performance.getEntriesByType('resource').filter(e => e.name.includes(host)).length,
    };
}"""


def assert_harmless(
    page: Page, listener: Listener, *, boxes: int, inside: str = ".magistral, .magistral-prompt"
) -> None:
    """Look at everything, folds opened, after a second in which a request might still have left.

    inside : selector of the boxes that hold a stranger's text, of which there are at least so many. Nothing leaves one.
    """
    url = page.url
    page.wait_for_function(
        "([inside, boxes]) => document.querySelectorAll(inside).length >= boxes", arg=[inside, boxes], timeout=60_000
    )
    page.evaluate("() => document.querySelectorAll('.magistral details').forEach(fold => { fold.open = true; })")
    page.wait_for_timeout(1_500)
    found = page.evaluate(HARM, [HOST, inside])
    assert found["harm"] == [], "\n".join(found["harm"])
    assert (found["pwned"], found["base"], found["requested"]) == (None, False, 0)
    assert found["url"] == page.url == url
    assert listener.connections == 0
