"""The page's style sheet: light and dark, narrow and wide, screen and paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f4f3ef; --card: #ffffff; --ink: #1b2430; --muted: #5b6777; --line: #dfe3e8; --soft: #eef1f4;
  --accent: #0b6375; --accent-soft: #d9ebee; --second: #8f5a0e; --second-soft: #fbf0dc; --dot: #ffffff;
  --shadow: 0 1px 2px rgb(27 36 48 / .05), 0 6px 24px rgb(27 36 48 / .05);
  --sans: "Inter", "Segoe UI", "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, system-ui, sans-serif;
  --serif: "Charter", "Iowan Old Style", "Source Serif 4", Georgia, "Noto Serif", serif;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0f151b; --card: #171e26; --ink: #e9edf1; --muted: #9aa7b5; --line: #2b3641; --soft: #1f2832;
    --accent: #5cc4d6; --accent-soft: #17363f; --second: #e0ab5a; --second-soft: #33291a; --dot: #171e26;
    --shadow: none;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 var(--sans);
  font-variant-numeric: tabular-nums; }
main, header > div, footer > div { max-width: 1120px; margin: 0 auto; padding: 0 28px; }
a { color: var(--accent); text-underline-offset: 2px; }
a:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
h1, h2 { font-family: var(--serif); font-weight: 600; letter-spacing: -.012em; text-wrap: balance; }
h1 { font-size: clamp(1.9rem, 4.6vw, 3.1rem); line-height: 1.1; margin: .3em 0 .45em; max-width: 28ch; }
h2 { font-size: 1.65rem; line-height: 1.2; margin: 0 0 .3em; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0 0 .8em; }
code { font: .86em ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
header { background: var(--card); border-top: 5px solid var(--accent); border-bottom: 1px solid var(--line); }
header > div { padding-top: 38px; padding-bottom: 0; }
.eyebrow { margin: 0; color: var(--accent); font-size: .86rem; font-weight: 600; }
.lede { font-size: 1.16rem; line-height: 1.5; max-width: 68ch; color: var(--ink); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px 28px; margin: 30px 0 0;
  padding: 18px 0; border-top: 1px solid var(--line); }
.facts dt { font-size: .8rem; color: var(--muted); }
.facts dd { margin: 0; font-weight: 600; line-height: 1.35; overflow-wrap: anywhere; }
.facts small { display: block; font-weight: 400; color: var(--muted); }
nav { display: flex; flex-wrap: wrap; gap: 0 22px; padding: 9px 0 11px; border-top: 1px solid var(--line);
  font-size: .9rem; }
nav a { text-decoration: none; padding: 3px 0; }
nav a:hover { text-decoration: underline; }
section { margin: 52px 0; scroll-margin-top: 20px; }
.intro { color: var(--muted); max-width: 76ch; margin-bottom: 1.2em; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.note { background: var(--second-soft); border-left: 4px solid var(--second); border-radius: 6px; padding: 12px 18px;
  margin: 24px 0 0; }
.note p:last-child { margin: 0; }
.note strong { color: var(--second); }

.result { display: grid; grid-template-columns: minmax(0, 1.25fr) minmax(0, 1fr); }
.result > div { padding: 26px 30px; }
.result > div + div { border-left: 1px solid var(--line); }
.result h3 { margin-bottom: 18px; }
.result ul { margin: 0; padding: 0; list-style: none; }
.result li { padding: 9px 0; border-top: 1px solid var(--line); }
.result li:first-child { border-top: 0; padding-top: 0; }
.bar { display: grid; grid-template-columns: 116px minmax(0, 1fr) 104px; gap: 16px; align-items: center;
  min-height: 52px; line-height: 1.3; font-size: .93rem; }
.bar b { font-weight: 600; }
.bar .value { white-space: nowrap; text-align: right; }
.bar .value small { color: var(--muted); margin-left: 6px; }
.track { position: relative; height: 52px; border-left: 1px solid var(--line); border-right: 1px solid var(--line);
  background: linear-gradient(var(--line), var(--line)) 25% 0 / 1px 100% no-repeat,
    linear-gradient(var(--line), var(--line)) 50% 0 / 1px 100% no-repeat,
    linear-gradient(var(--line), var(--line)) 75% 0 / 1px 100% no-repeat; }
.track i { position: absolute; top: 50%; }
.range { height: 8px; margin-top: -4px; border-radius: 4px; background: var(--muted); opacity: .35; }
.dot { width: 13px; height: 13px; margin: -6.5px 0 0 -6.5px; border-radius: 50%; background: var(--muted);
  box-shadow: 0 0 0 2px var(--dot); }
.bar.main .range { height: 14px; margin-top: -7px; border-radius: 7px; background: var(--accent); opacity: .28; }
.bar.main .dot { width: 19px; height: 19px; margin: -9.5px 0 0 -9.5px; background: var(--accent); }
.bar.main .value { font-size: 1.3rem; font-weight: 650; color: var(--accent); }
.bar.main .value small { display: block; margin: -4px 0 0; font-size: .82rem; font-weight: 400; }
.track .mark { top: 0; height: 100%; border-left: 2px dotted var(--muted); margin-left: -1px; }
.axis { color: var(--muted); font-size: .8rem; min-height: 22px; }
.axis .ticks { display: flex; justify-content: space-between; margin: 0 -5px; }
.key { color: var(--muted); font-size: .84rem; margin: 10px 0 0; }
.key i { display: inline-block; height: .9em; border-left: 2px dotted var(--muted); margin: 0 7px -1px 2px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 14px; margin-top: 14px; }
.tiles.four { grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); }
.tile { padding: 15px 18px 13px; }
.tile b { display: block; font-size: 1.5rem; font-weight: 620; line-height: 1.25; }
.tile span { display: block; font-size: .93rem; }
.tile small { color: var(--muted); line-height: 1.35; display: block; }

.guide { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 18px 30px; margin: 26px 0; }
.guide dt { font-weight: 600; }
.guide dd { margin: 2px 0 0; color: var(--muted); font-size: .93rem; line-height: 1.5; }
figure { margin: 0; }
figure.card { padding: 12px; }
.wide { overflow-x: auto; }
.wide img { min-width: 720px; }
figure img { display: block; width: 100%; height: auto; border-radius: 6px; }
figcaption { color: var(--muted); font-size: .88rem; padding: 8px 8px 4px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 18px; }
.table { overflow-x: auto; margin-top: 18px; padding: 6px 4px; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: right; padding: 7px 12px; white-space: nowrap; }
th { font-weight: 500; color: var(--muted); font-size: .84rem; vertical-align: bottom; }
tbody tr:first-child > * { border-top: 1px solid var(--line); }
tbody th { text-align: left; color: inherit; font-size: inherit; font-weight: 400; }
thead .who { text-align: left; }
tbody .who { color: var(--muted); }
tbody .own > * { font-weight: 600; color: var(--ink); }
tbody.chosen { background: var(--accent-soft); }
td small { color: var(--muted); font-weight: 400; margin-left: 5px; }

.clusters { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 338px), 1fr)); gap: 18px; }
.cluster { padding: 16px 16px 14px; break-inside: avoid; display: flex; flex-direction: column; }
.cluster header, .cluster footer { all: unset; display: block; }
.cluster .head { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; }
.cluster h3 { font-size: 1.12rem; overflow-wrap: anywhere; }
.cluster .number { color: var(--muted); font-size: .86rem; white-space: nowrap; }
.cluster p { margin: 2px 0 8px; color: var(--muted); font-size: .86rem; }
.share { display: flex; height: 7px; border-radius: 4px; overflow: hidden; background: var(--soft); margin: 2px 0 7px; }
.share i { display: block; box-shadow: inset -1px 0 0 var(--card); }
.frames { display: grid; grid-template-columns: repeat(4, 1fr); gap: 4px; margin-top: auto; }
.frames span { position: relative; display: block; }
.frames img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; border-radius: 4px; }
.frames .other { outline: 2px solid #e8a33d; outline-offset: -2px; border-radius: 4px; }
.frames small { position: absolute; left: 2px; right: 2px; bottom: 2px; padding: 1px 4px; font-size: .67rem;
  line-height: 1.3; color: #fff; background: rgb(0 0 0 / .72); border-radius: 3px; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: .88rem; margin: 0 0 18px; padding: 0;
  list-style: none; }
.legend i { display: inline-block; width: .78em; height: .78em; border-radius: 2px; margin-right: 6px; }

.provenance { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); gap: 18px;
  align-items: start; }
.provenance > div { padding: 18px 20px; }
.provenance dl { margin: 10px 0 0; font-size: .87rem; }
.provenance dl div { display: flex; justify-content: space-between; gap: 16px; padding: 1px 0; }
.provenance dt { color: var(--muted); }
.provenance dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
body > footer { border-top: 1px solid var(--line); color: var(--muted); font-size: .86rem; padding: 18px 0 34px; }

@media screen and (max-width: 760px) {
  main, header > div, footer > div { padding-left: 18px; padding-right: 18px; }
  .result { grid-template-columns: minmax(0, 1fr); }
  .result > div { padding: 20px 18px; }
  .result > div + div { border-left: 0; border-top: 1px solid var(--line); }
  .bar { grid-template-columns: minmax(0, 1fr) auto; gap: 0 12px; padding-bottom: 10px; }
  .bar .track { grid-column: 1 / -1; grid-row: 2; height: 30px; }
  .bar.main .value small { display: inline; margin-left: 6px; }
  .axis > :first-child, .axis > :last-child { display: none; }
  .axis .ticks { grid-column: 1 / -1; }
  section { margin: 38px 0; }
}
@media print {
  :root { --page: #ffffff; --shadow: none; }
  body { font-size: 11pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  nav { display: none; }
  main, header > div, footer > div { max-width: none; padding-left: 0; padding-right: 0; }
  section { margin: 26px 0; }
  h2, .intro { break-after: avoid; break-inside: avoid; }
  .result > div { padding: 16px 18px; }
  .bar { grid-template-columns: 90px minmax(0, 1fr) 92px; gap: 10px; }
  figure, .tile, .result, .table, .provenance > div { break-inside: avoid; }
  .wide, .table { overflow: visible; }
  .wide img { min-width: 0; }
  .pair { grid-template-columns: 1fr 1fr; }
  .clusters { grid-template-columns: repeat(3, 1fr); gap: 10px; }
  .cluster { padding: 10px; }
  .provenance { grid-template-columns: 1fr 1fr; }
  table { font-size: 8.5pt; }
  th, td { padding: 4px 6px; }
  @page { margin: 14mm; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
"""
