import type { GraphEdge, GraphKind, GraphNode, GraphState, StackGraph } from './graph-model.ts';

/** Fill colours that are told apart by people who see few colours, and printed in grey. */
const COLOURS: Readonly<Record<GraphState, string>> = { ready: '#d5e8d4', completed: '#dae8fc', starting: '#fff2cc', failed: '#f8cecc', absent: '#eeeeee', external: '#ffffff', unknown: '#ffffff' };
const DOT_SHAPES: Readonly<Record<GraphKind, string>> = { service: 'box', network: 'ellipse', volume: 'cylinder', config: 'note', secret: 'note' };
const MERMAID_SHAPES: Readonly<Record<GraphKind, readonly [string, string]>> = { service: ['[', ']'], network: ['([', '])'], volume: ['[(', ')]'], config: ['>', ']'], secret: ['>', ']'] };

/** In Graphviz' language. */
export function dotText({ stack, nodes, edges }: StackGraph): string {
  return [
    `digraph ${dotQuoted([stack])} {`,
    '  rankdir=LR; node [fontname="sans-serif", fontsize=11, style=filled]; edge [fontname="sans-serif", fontsize=9];',
    ...nodes.map((node) => `  ${dotQuoted([node.id])} [label=${dotQuoted(linesOf(node))}, shape=${DOT_SHAPES[node.kind]}, fillcolor="${COLOURS[node.state]}"];`),
    ...edges.map(({ from, to, kind, label }) => `  ${dotQuoted([from])} -> ${dotQuoted([to])} [label=${dotQuoted([label])}${kind === 'depends' ? '' : ', style=dashed'}];`),
    '}', '',
  ].join('\n');
}

/** A flowchart as Mermaid draws it, for Markdown. */
export function mermaidText({ nodes, edges }: StackGraph): string {
  const numbers = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const used = [...new Set(nodes.map(({ state }) => state))].toSorted();
  const arrow = ({ kind, label }: GraphEdge): string => `${kind === 'depends' ? '-->' : '-.->'}${label === '' ? '' : `|"${mermaidEscaped(label)}"|`}`;
  return [
    'flowchart LR',
    ...nodes.map((node) => `  ${numbers.get(node.id) ?? ''}${MERMAID_SHAPES[node.kind][0]}"${linesOf(node).map(mermaidEscaped).join('<br/>')}"${MERMAID_SHAPES[node.kind][1]}:::${node.state}`),
    ...edges.map((edge) => `  ${numbers.get(edge.from) ?? ''} ${arrow(edge)} ${numbers.get(edge.to) ?? ''}`),
    ...used.map((state) => `  classDef ${state} fill:${COLOURS[state]},stroke:#555,color:#000`),
    '',
  ].join('\n');
}

/** The graph as a picture. Graphviz is large: it is loaded for this alone. */
export async function svgText(graph: StackGraph): Promise<string> {
  const { instance } = await import('@viz-js/viz');
  return (await instance()).renderString(dotText(graph), { format: 'svg' });
}

function linesOf({ kind, name, details }: GraphNode): readonly string[] {
  return [kind === 'service' ? name : `${kind} ${name}`, ...details];
}

function dotQuoted(lines: readonly string[]): string {
  return `"${lines.map((line) => plain(line).replaceAll('\\', '\\\\').replaceAll('"', '\\"')).join('\\n')}"`;
}

function mermaidEscaped(line: string): string {
  return plain(line).replaceAll(/[#&<>"]/g, (sign) => `#${sign.codePointAt(0) ?? 0};`);
}

/** Without what would end a line, or command a terminal. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ');
}
