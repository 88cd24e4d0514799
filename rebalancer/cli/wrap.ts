/** Columns that every answer of the command line fits. */
export const TERMINAL_COLUMNS = 80;

/** Breaks text at spaces so that lines after the first begin at `indent` and none passes the terminal's width. */
export function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && indent + line.length + 1 + word.length > TERMINAL_COLUMNS) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}
