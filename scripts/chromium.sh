#!/bin/sh
# Prints the path of a Chromium or Chrome for the browser tests. Installs Debian's where we are root; never asks for
# more rights than it has.
set -eu

find_browser() {
    for browser in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Chromium.app/Contents/MacOS/Chromium" \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if [ -n "$browser" ] && command -v "$browser"; then
            return 0
        fi
    done
    return 1
}

find_browser && exit 0

how="install Chromium or Chrome"
if command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        {
            echo "Installing Chromium for the browser tests …"
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium
        } >&2
        find_browser && exit 0
    fi
    how="run, as root: apt-get install --no-install-recommends chromium"
elif command -v brew >/dev/null; then
    how="run: brew install --cask chromium"
fi
echo "The browser tests need Chromium, and none was found. Please $how" >&2
echo "(or set CHROMIUM to the path of one; plain 'pytest' needs no browser)." >&2
exit 1
