/** The look of a report, light and dark. */
export const STYLE = `:root{color-scheme:light dark;--ink:#16202c;--muted:#5b6878;--line:#dde3ea;--paper:#fff;--wash:#f5f7fa;--good:#0a7f4f;--bad:#b3261e;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--muted:#9aa8b8;--line:#2c3743;--paper:#131a22;--wash:#1b242e;--good:#4cc38a;--bad:#ff8a80;--warn:#f0b849}.chart{background:#fff;border-radius:8px}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 20px 64px}h1{margin:0;font-size:26px;overflow-wrap:anywhere}h2{margin:36px 0 8px;font-size:18px}
.brand{margin:0;color:var(--muted);letter-spacing:.08em;text-transform:uppercase;font-size:12px}.muted{color:var(--muted)}
.warn{border-left:4px solid var(--warn);background:var(--wash);padding:10px 14px;margin:16px 0}.warn p{margin:0;overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:20px}.card{background:var(--wash);border-radius:8px;padding:12px 14px}
.card b{display:block;font-size:21px;font-variant-numeric:tabular-nums}.card span{color:var(--muted);font-size:13px}.good{color:var(--good)}.bad{color:var(--bad)}
.chart svg{width:100%;height:auto;display:block}.narrow{display:none}@media(max-width:640px){.wide{display:none}.narrow{display:block}main{padding:16px 12px 48px}.scroll table{width:max-content;min-width:100%}.scroll td{max-width:260px}}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--muted);font-weight:600;white-space:nowrap}td:last-child{min-width:7em}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}code{font-size:12px;overflow-wrap:anywhere}`;

export const escapeHtml = (text: string) =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c);

export const section = (title: string, body: string, note = "") =>
  `<section><h2>${title}</h2>${note ? `<p class="muted">${note}</p>` : ""}${body}</section>`;

/** One chart drawn for wide and one for narrow screens. */
export const both = (chart: (width: number) => string) =>
  `<div class="chart wide">${chart(1040)}</div><div class="chart narrow">${chart(400)}</div>`;

/** Cells are HTML; `numeric` columns are set to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numeric: readonly number[] = [],
  empty = "none",
): string {
  if (rows.length === 0) return `<p class="muted">${empty}</p>`;
  const cell = (tag: string, text: string, index: number) =>
    `<${tag}${numeric.includes(index) ? ' class="n"' : ""}>${text}</${tag}>`;
  const body = rows.map((row) => `<tr>${row.map((text, index) => cell("td", text, index)).join("")}</tr>`).join("");
  return `<div class="scroll"><table><thead><tr>${head.map((text, index) => cell("th", text, index)).join("")}</tr></thead><tbody>${body}</tbody></table></div>`;
}
