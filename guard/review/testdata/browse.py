"""An output checker and two reviewers at the page: browse.py ADDRESS KEYS SHOTS.

Prints what they saw as JSON. KEYS is a folder with a.pem, b.pem and forged.pem.
"""
import json, os, sys
from playwright.sync_api import sync_playwright

address, keys, shots = sys.argv[1:]
saw = {"console": [], "requests": [], "faults": []}

# What a person who cannot see, or not well, would stumble over: WCAG 2.2, 1.3.1, 1.4.3, 3.1.1, 3.3.2.
FAULTS = """() => {
	const out = [];
	if (!document.documentElement.lang || document.querySelectorAll("h1").length != 1 || !document.querySelector("main")) out.push("landmarks");
	for (const x of document.querySelectorAll("input, select")) if (!x.labels.length) out.push("no label: " + x.name);
	for (const t of document.querySelectorAll("table")) if (!t.caption) out.push("no caption");
	const rgb = s => s.match(/[0-9.]+/g).map(Number);
	const light = s => rgb(s).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((n, v, i) => n + v * [0.2126, 0.7152, 0.0722][i], 0);
	for (const x of document.querySelectorAll("body *")) {
		if (![...x.childNodes].some(n => n.nodeType == 3 && n.data.trim()) || !x.getClientRects().length) continue;
		let y = x;
		while (y && rgb(getComputedStyle(y).backgroundColor)[3] === 0) y = y.parentElement;
		const a = light(getComputedStyle(x).color), b = light(getComputedStyle(y || document.body).backgroundColor);
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) out.push("contrast " + ratio.toFixed(1) + ": " + x.className + " " + x.textContent.slice(0, 30));
	}
	return out;
}"""

with sync_playwright() as p:
    browser = p.chromium.launch(executable_path=os.environ["WEIR_CHROMIUM"], args=["--no-sandbox"])
    stranger = browser.new_context().new_page()
    answer = stranger.goto(address.split("?")[0])
    saw["stranger"] = [answer.status, stranger.inner_text("body")]

    page = browser.new_context(color_scheme="light", viewport={"width": 1200, "height": 900}).new_page()
    page.on("console", lambda m: saw["console"].append(m.text))
    page.on("pageerror", lambda e: saw["console"].append(str(e)))
    page.on("request", lambda r: saw["requests"].append([r.method, r.url, r.post_data]))

    def shot(name):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.screenshot(path=os.path.join(shots, f"{name}-{theme}.png"), full_page=True)
            saw["faults"] += [f"{name}, {theme}: {f}" for f in page.evaluate(FAULTS)]
            saw.setdefault("back", {})[theme] = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.goto(address)
    saw["url"] = page.url
    base = page.url
    saw["all"] = page.locator("tbody tr").count()
    shot("entries")
    page.click("summary")
    shot("kinds")
    page.check("input[name=kind][value=release]")
    page.fill("input[name=text]", "rare")
    page.click("button:text('Filter')")
    page.wait_for_url("**/?*")
    saw["filtered"] = page.locator("tbody tr td:first-child").all_inner_texts()
    page.click("tbody a")
    page.wait_for_url("**/entry-*")
    saw["output"] = page.locator(".numbers tbody tr").all_inner_texts()
    saw["script"] = page.evaluate("typeof window.pwned")
    shot("output")
    page.goto(base)
    page.click(".quick a:text('Refusals')")
    page.wait_for_url("**/?kind=refusal")
    page.click("tbody a")
    page.wait_for_url("**/entry-*")
    saw["refusal"] = page.inner_text("dl")
    shot("refusal")
    page.click("nav a:text('Requests')")
    page.wait_for_url("**/requests")
    shot("requests")
    page.click("tbody a")
    page.wait_for_url("**/request-*")
    request = page.url

    def grant(who, key):
        page.goto(request)
        page.select_option("#reviewer", who)
        if key:
            page.set_input_files("#key", os.path.join(keys, key))
        if key == "b.pem" and who == "B. Lindqvist":
            shot("grant")
        page.click("#sign")
        page.wait_for_selector("main > p.done, main > p.refused, #told:not(:empty)")
        return [page.inner_text("main > p.done, main > p.refused, #told:not(:empty)"), page.locator(".kind").first.inner_text()]

    saw["nokey"] = grant("A. Okafor", None)
    saw["nokeyfile"] = grant("A. Okafor", "notes.txt")
    saw["forged"] = grant("A. Okafor", "forged.pem")
    shot("refused")
    saw["wrong"] = grant("A. Okafor", "b.pem")
    saw["first"] = grant("A. Okafor", "a.pem")
    saw["twice"] = grant("A. Okafor", "a.pem")
    saw["second"] = grant("B. Lindqvist", "b.pem")
    saw["form"] = page.goto(request) and page.locator("#grant").count()
    saw["after"] = page.locator(".after .kind").all_inner_texts()
    shot("granted")
    browser.close()

print(json.dumps(saw))
