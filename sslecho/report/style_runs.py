"""The style of charts, matrices, errors, cards and chapters: what a page of any run has beyond the plain one."""

STYLE_OF_RUNS = """
h3.part { font: 600 1.28rem/1.25 var(--serif); letter-spacing: -.01em; margin: 0 0 .3em; }
figure.card + figure.card.wide { margin-top: 14px; }
.note > strong { display: block; margin-bottom: 4px; letter-spacing: .01em; }
.note ul { margin: 0; padding-left: 1.15em; }
.note li { padding: 2px 0; overflow-wrap: anywhere; }
.points { margin: 18px 0 0; padding-left: 1.2em; max-width: 84ch; }
.points li { padding: 3px 0; overflow-wrap: anywhere; }
.result.single { grid-template-columns: minmax(0, 1fr); margin-top: 14px; }
.result.single .bar { grid-template-columns: 250px minmax(0, 1fr) 104px; min-height: 42px; }
.result.single .track { height: 42px; }
.result .bar > span:first-child { overflow-wrap: anywhere; }

.chart { padding: 16px 18px 10px; }
.chart h3 { font-size: 1rem; }
.chart .y { margin: 2px 0 6px; color: var(--muted); font-size: .84rem; }
.chart svg { display: block; width: 100%; height: auto; font-family: var(--sans); }
.chart .grid { stroke: var(--line); fill: none; }
.chart .base { stroke: var(--muted); fill: none; }
.chart .mark { stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 2 5; stroke-linecap: round; fill: none; }
.chart text { fill: var(--muted); font-size: 13px; paint-order: stroke; stroke: var(--card); stroke-width: 4px;
  stroke-linejoin: round; }
.chart .line { fill: none; stroke: var(--accent); stroke-width: 2.6; stroke-linejoin: round; }
.chart .point { fill: var(--accent); stroke: var(--card); stroke-width: 1.5; }
.chart .band { fill: var(--accent); opacity: .16; }

.matrix table { width: auto; min-width: 50%; border-spacing: 2px; border-collapse: separate; }
.matrix th, .matrix td { padding: 0 8px; height: 34px; min-width: 42px; text-align: center; border-radius: 4px; }
.matrix thead th { height: auto; padding: 6px 4px; vertical-align: bottom; }
.matrix thead th span { display: inline-block; max-width: 9ch; overflow: hidden; text-overflow: ellipsis; }
.matrix tbody th { text-align: right; vertical-align: middle; max-width: 22ch; overflow: hidden;
  text-overflow: ellipsis; }
.matrix .corner { color: var(--muted); font-size: .76rem; text-align: right; vertical-align: bottom; padding: 6px 8px; }
.matrix tbody tr > * { border-top: 0; }
.matrix td.right { background: color-mix(in srgb, var(--accent) calc(var(--share, 0) * 88%), var(--soft)); }
.matrix td.wrong { background: color-mix(in srgb, var(--second) calc(var(--share, 0) * 88%), transparent); }
.matrix td.wrong:not([style]) { color: var(--muted); opacity: .5; }
.matrix td.strong { color: var(--card); font-weight: 600; }
.matrix .sum { color: var(--muted); font-weight: 400; }
td.spark { min-width: 128px; }
td.spark .track { display: block; height: 22px; }
td.spark .dot { width: 10px; height: 10px; margin: -5px 0 0 -5px; background: var(--accent); }
td.spark .range { background: var(--accent); opacity: .3; }
td.why { text-align: left; white-space: normal; color: var(--muted); }
.table.narrow { max-width: 460px; }
caption { text-align: left; color: var(--muted); font-size: .84rem; padding: 4px 12px; }

.errors { display: grid; grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)); gap: 14px 12px; }
.errors figure { break-inside: avoid; }
.errors img { aspect-ratio: 1; object-fit: contain; background: #000; }
.errors figcaption { padding: 6px 1px 0; font-size: .8rem; line-height: 1.35; overflow-wrap: anywhere; }
.errors b { color: var(--ink); font-weight: 600; }

.verdicts { list-style: none; margin: 0; padding: 8px 22px; }
.verdicts li { padding: 11px 0 11px 26px; border-top: 1px solid var(--line); position: relative;
  overflow-wrap: anywhere; }
.verdicts li:first-child { border-top: 0; }
.verdicts li::before { content: ""; position: absolute; left: 2px; top: 1.15em; width: 10px; height: 10px;
  border-radius: 50%; box-shadow: inset 0 0 0 2px var(--accent); }
.verdicts .error { font-weight: 600; }
.verdicts .error::before { background: var(--second); box-shadow: none; border-radius: 2px; }
.verdicts .quiet { color: var(--muted); }
.verdicts .quiet::before { box-shadow: inset 0 0 0 2px var(--line); }

.modelcard { padding: 24px 28px 18px; border-top: 4px solid var(--accent); }
.modelcard .sum { font-size: 1.05rem; margin: 0 0 18px; max-width: 80ch; }
.modelcard .halves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr));
  gap: 0 44px; }
.modelcard .block { margin-bottom: 20px; }
.modelcard .table { box-shadow: none; padding: 0; margin-top: 8px; }
.modelcard h3 { color: var(--accent); margin-bottom: 6px; }
.modelcard ul { margin: 0; padding-left: 1.1em; font-size: .93rem; }
.modelcard li { padding: 2px 0; overflow-wrap: anywhere; }
.modelcard dl { margin: 0; font-size: .9rem; }
.modelcard dl div { display: grid; grid-template-columns: minmax(110px, 2fr) 3fr; gap: 14px; padding: 2px 0; }
.modelcard dt { color: var(--muted); }
.modelcard dd { margin: 0; overflow-wrap: anywhere; }

.glance { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 18px; }
.glance > a { display: block; padding: 18px 20px 14px; color: inherit; text-decoration: none; break-inside: avoid; }
.glance > a:hover { border-color: var(--accent); }
.glance h3 { font: 600 1.14rem/1.3 var(--serif); margin: 4px 0 10px; overflow-wrap: anywhere; }
.glance .bar { grid-template-columns: 104px minmax(0, 1fr) 74px; gap: 10px; min-height: 34px; font-size: .84rem; }
.glance .bar > span:first-child { overflow-wrap: anywhere; line-height: 1.2; }
.glance .track { height: 34px; }
.glance .bar .value small { display: block; margin: -2px 0 0; font-size: .74rem; }
.glance .bar.main .value { font-size: 1.1rem; }
.glance .bar.main .dot { width: 14px; height: 14px; margin: -7px 0 0 -7px; }
.glance .bar.main .range { height: 10px; margin-top: -5px; }
.glance .number { display: flex; gap: 10px; align-items: baseline; margin: 0; font-size: .84rem; }
.glance .number b { font-size: 1.3rem; color: var(--accent); }
.glance .number small { color: var(--muted); }
.warned { margin: 10px 0 0; color: var(--second); font-size: .84rem; font-weight: 600; }
.folder { color: var(--muted); font-weight: 400; overflow-wrap: anywhere; }
.chip { margin-left: 8px; padding: 1px 9px; border-radius: 99px; font-size: .74rem; background: var(--second-soft);
  color: var(--second); }
.chapter { border-top: 3px solid var(--accent); margin: 84px 0 0; padding-top: 26px; scroll-margin-top: 12px; }
.chapter h2 { font-size: clamp(1.6rem, 3.4vw, 2.2rem); line-height: 1.14; margin: .25em 0 .4em; max-width: 30ch; }
.chapter .facts { border-bottom: 0; }
.chapter section { margin: 40px 0; }

@media screen and (max-width: 760px) {
  .result.single .bar { grid-template-columns: minmax(0, 1fr) auto; }
  .glance .bar { grid-template-columns: minmax(0, 1fr) auto; padding-bottom: 4px; }
  .modelcard { padding: 18px; }
}
@media print {
  .chapter { break-before: page; margin-top: 0; }
  h3.part { break-after: avoid; }
  .chart, .errors figure, .glance > a, .block, .verdicts li { break-inside: avoid; }
  .errors { grid-template-columns: repeat(6, 1fr); gap: 8px; }
  .glance { grid-template-columns: 1fr 1fr; }
  .matrix th, .matrix td { height: 22px; min-width: 24px; padding: 0 3px; }
  td.spark { min-width: 80px; }
}
"""
