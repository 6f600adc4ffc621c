// Signs a grant in the browser. The key is read from a file, used once and not
// kept; nothing but the signature is sent, with the form.
"use strict";

const form = document.getElementById("grant");
if (form) {
	const reviewer = document.getElementById("reviewer");
	const statement = document.getElementById("statement");
	const told = document.getElementById("told");

	const text = () => statement.dataset.head + reviewer.value + "\n";
	reviewer.addEventListener("change", () => {
		statement.textContent = reviewer.value ? text() : statement.dataset.head + "…";
	});

	const decode = base64 => Uint8Array.from(atob(base64), c => c.charCodeAt(0));

	// A seed as PKCS #8 (RFC 8410, section 7), which is what WebCrypto imports.
	const pkcs8 = seed => new Uint8Array([
		0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20, ...seed]);

	async function sign() {
		const file = document.getElementById("key").files[0];
		if (!file || !reviewer.value) {
			throw new Error("Choose who you are and the file of your key.");
		}
		const parts = /^-----BEGIN WEIR REVIEWER KEY-----\n([A-Za-z0-9+/=\n]+)-----END WEIR REVIEWER KEY-----\n$/.exec(await file.text());
		const seed = parts ? decode(parts[1].replaceAll("\n", "")) : [];
		if (seed.length !== 32) {
			throw new Error("This file is no reviewer's key.");
		}
		const key = await crypto.subtle.importKey("pkcs8", pkcs8(seed), "Ed25519", false, ["sign"]);
		const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key, new TextEncoder().encode(text())));
		document.getElementById("signature").value = btoa(String.fromCharCode(...signature));
		document.getElementById("key").value = "";
		form.requestSubmit();
	}

	if (globalThis.crypto && crypto.subtle) {
		document.getElementById("with-key").hidden = false;
		document.getElementById("sign").addEventListener("click", () => {
			sign().catch(error => {
				told.textContent = error.name === "NotSupportedError" ? "This browser cannot sign with such a key: sign elsewhere, as is said below." : error.message;
			});
		});
	} else {
		document.querySelector("#grant details").open = true;
	}
}
