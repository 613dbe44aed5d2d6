"""How the page looks, on a screen and on paper; contrast is at least 4.5 to 1."""

STYLE = """
.synthlab-review { --ink: #1f2933; --muted: #525b66; --line: #d5dade; --face: #ffffff; --soft: #f4f6f8;
  --pass: #00614a; --fail: #a33d00; --suspect: #7a5200; --link: #005a91;
  color: var(--ink); background: var(--face); font: 15px/1.5 "DejaVu Sans", system-ui, sans-serif;
  max-width: 1200px; margin: 0 auto; padding: 1.5em 2em 4em; box-sizing: border-box; }
body { margin: 0; background: #ffffff; }
.synthlab-review h1 { font-size: 1.7em; margin: 0 0 .6em; overflow-wrap: anywhere; line-height: 1.2; }
.synthlab-review h2 { font-size: 1.25em; margin: 2.2em 0 .6em; padding-top: .7em;
  border-top: 2px solid var(--line); }
.synthlab-review h3 { font-size: 1.05em; margin: 1.6em 0 .5em; overflow-wrap: anywhere; }
.synthlab-review h3 small { font-weight: 400; color: var(--muted); }
.synthlab-review p { margin: .4em 0 .8em; max-width: 75ch; }
.synthlab-review a { color: var(--link); }
.synthlab-review .kicker { text-transform: uppercase; letter-spacing: .08em; font-size: .75em;
  color: var(--muted); margin: 0; }
.synthlab-review nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .2em 1.1em; margin: 0;
  padding: 0; font-size: .9em; }
.synthlab-review .verdict { border-left: 10px solid; padding: .1em 1.2em .5em; margin-top: 1.4em;
  background: var(--soft); }
.synthlab-review .verdict h2 { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
.synthlab-review .verdict .word { font-size: 1.6em; font-weight: 700; margin: .5em 0 .2em; }
.synthlab-review .verdict.pass { border-color: #009e73; }
.synthlab-review .verdict.fail { border-color: #d55e00; }
.synthlab-review .pass .word, .synthlab-review strong.pass { color: var(--pass); }
.synthlab-review .fail .word, .synthlab-review strong.fail { color: var(--fail); }
.synthlab-review strong.suspect { color: var(--suspect); }
.synthlab-review dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(17em, 1fr));
  gap: .35em 1.4em; margin: .5em 0 1em; }
.synthlab-review dl div { display: flex; gap: .5em; align-items: baseline; min-width: 0; }
.synthlab-review dt { color: var(--muted); font-size: .85em; flex: none; }
.synthlab-review dd { margin: 0; overflow-wrap: anywhere; }
.synthlab-review .scroll { overflow-x: auto; margin: .6em 0 1.1em; }
.synthlab-review .scroll:focus-visible, .synthlab-review pre:focus-visible,
.synthlab-review a:focus-visible, .synthlab-review summary:focus-visible { outline: 3px solid var(--link);
  outline-offset: 2px; }
.synthlab-review table { border-collapse: collapse; font-size: .84em; background: var(--face);
  color: var(--ink); width: 100%; margin: 0; }
.synthlab-review caption { text-align: left; font-weight: 700; padding: 0 0 .3em; color: var(--ink); }
.synthlab-review th, .synthlab-review td { text-align: left; padding: .2em .7em .2em 0;
  border-bottom: 1px solid var(--line); vertical-align: top; background: none; }
.synthlab-review thead th { color: var(--muted); font-weight: 600; border-bottom: 2px solid var(--line);
  vertical-align: bottom; }
.synthlab-review tbody th { font-weight: 600; overflow-wrap: break-word; max-width: 40em; }
.synthlab-review .n { text-align: right; font-variant-numeric: tabular-nums; }
.synthlab-review .wide table { font-size: .76em; }
.synthlab-review .wide td, .synthlab-review .wide tbody th { white-space: nowrap; }
.synthlab-review figure { margin: .5em 0 1em; }
.synthlab-review img { max-width: 100%; height: auto; display: block; background: #ffffff; }
.synthlab-review pre { background: var(--soft); color: var(--ink); padding: .8em 1em; overflow: auto;
  font: 12px/1.5 "DejaVu Sans Mono", ui-monospace, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.synthlab-review code { font: .82em "DejaVu Sans Mono", ui-monospace, monospace; overflow-wrap: anywhere; }
.synthlab-review .diff .plus { color: var(--pass); font-weight: 700; }
.synthlab-review .diff .minus { color: var(--fail); text-decoration: line-through; }
.synthlab-review .diff .place { color: var(--muted); }
.synthlab-review blockquote { margin: .4em 0; padding: .1em 1em; border-left: 4px solid var(--line);
  white-space: pre-wrap; }
.synthlab-review summary { cursor: pointer; color: var(--link); padding: .2em 0; }
.synthlab-review.in-notebook { max-width: none; padding: .5em 1em 1.5em; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1em; top: .5em; background: #ffffff; padding: .3em .6em; z-index: 1; }
@media (max-width: 700px) {
  .synthlab-review { padding: 1em; }
}
@media screen and (prefers-color-scheme: dark) {
  body { background: #14181c; }
  .synthlab-review:not(.in-notebook) { --ink: #e3e8ec; --muted: #a7b1ba; --line: #3a434b; --face: #14181c;
    --soft: #1f262c; --pass: #3fc79c; --fail: #ff9a5c; --suspect: #e2b34d; --link: #6cb8ea; }
  .skip:focus { background: #14181c; }
}
@page { size: A4 portrait; margin: 14mm 12mm; }
@media print {
  .synthlab-review { font-size: 10px; max-width: none; padding: 0; }
  .synthlab-review nav, .synthlab-review details, .skip { display: none; }
  .synthlab-review .verdict, .synthlab-review strong { -webkit-print-color-adjust: exact;
    print-color-adjust: exact; }
  .synthlab-review .device { break-before: page; }
  .synthlab-review .device:first-of-type { break-before: auto; }
  .synthlab-review figure, .synthlab-review tr, .synthlab-review dl { break-inside: avoid; }
  .synthlab-review h2, .synthlab-review h3, .synthlab-review caption { break-after: avoid; }
  .synthlab-review thead { display: table-header-group; }
  .synthlab-review .scroll { overflow: visible; }
  .synthlab-review .wide table { font-size: 7px; }
  .synthlab-review .wide td, .synthlab-review .wide tbody th { white-space: normal; }
  .synthlab-review a { color: inherit; text-decoration: none; }
}
"""
