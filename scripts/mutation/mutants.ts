/**
 * All mutants of a source file in one text: each place that can be wrong asks `mutant(ID)` whether it is to be wrong now.
 * So the mutants of a whole room are loaded once, and switching from one to the next costs nothing.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

export interface Mutant {
  readonly id: number;
  readonly file: string;
  readonly line: number;
  readonly was: string;
  readonly becomes: string;
}

const comparisons: Readonly<Record<string, readonly string[]>> = {
  '===': ['!=='],
  '!==': ['==='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '+': ['-'],
  '-': ['+'],
};

const methods: ReadonlyMap<string, string> = new Map([
  ['every', 'some'],
  ['some', 'every'],
  ['startsWith', 'endsWith'],
  ['endsWith', 'startsWith'],
]);

/** What only explains, caches or asks beforehand: a mistake there changes no decision. */
const passedOver: ReadonlySet<string> = new Set([
  'read',
  'input',
  'isAsked',
  'neededProviders',
  'providersNeeded',
  'listInputs',
  'collectInputs',
  'describeMatch',
  'engineResult',
  'internalError',
  'ignored',
]);

function isPassedOver(node: ts.Node): boolean {
  const isNamed =
    ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isGetAccessorDeclaration(node);
  return isNamed && node.name !== undefined && ts.isIdentifier(node.name) && passedOver.has(node.name.text);
}

/** Calls whose result is much like what they are called on. */
const passing: ReadonlySet<string> = new Set(['filter', 'toLowerCase', 'trim', 'slice', 'toSorted', 'sort']);

/** Instruments one file; ids go on from `firstId`. */
export function instrument(path: string, name: string, firstId: number) {
  const text = readFileSync(path, 'utf8');
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const mutants: Mutant[] = [];

  const raw = (node: ts.Node) => text.slice(node.getStart(source), node.end);

  function register(node: ts.Node, becomes: string): number {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    const id = firstId + mutants.length;
    mutants.push({ id, file: name, line: line + 1, was: shorten(raw(node)), becomes: shorten(becomes) });
    return id;
  }

  /** The node's text with the mutants of everything below it. */
  function below(node: ts.Node): string {
    const start = node.getStart(source);
    let out = '';
    let at = start;
    node.forEachChild((child) => {
      const from = child.getStart(source);
      if (from < at) return;
      out += text.slice(at, from) + generate(child);
      at = child.end;
    });
    return out + text.slice(at, node.end);
  }

  function generate(node: ts.Node): string {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return raw(node);
    if (isPassedOver(node)) return raw(node);
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return raw(node);
    if (ts.isContinueStatement(node)) return `if (!mutant(${register(node, '')})) ${raw(node)}`;
    const inner = below(node);
    if (!isExpression(node)) return inner;
    const choices = alternatives(node, raw).map(
      (other) => `mutant(${register(node, other)}) ? (${other}) : `,
    );
    return choices.length === 0 ? inner : `(${choices.join('')}(${inner}))`;
  }

  const body = below(source);
  return {
    text: `const mutant = globalThis.mutant;\n${text.slice(0, source.getStart(source))}${body}`,
    mutants,
  };
}

function shorten(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length > 70 ? `${flat.slice(0, 67)}…` : flat;
}

function isExpression(node: ts.Node): node is ts.Expression {
  return (
    ts.isBinaryExpression(node) ||
    ts.isPrefixUnaryExpression(node) ||
    ts.isCallExpression(node) ||
    ts.isNumericLiteral(node) ||
    ts.isIdentifier(node) ||
    node.kind === ts.SyntaxKind.TrueKeyword ||
    node.kind === ts.SyntaxKind.FalseKeyword
  );
}

function alternatives(node: ts.Expression, raw: (node: ts.Node) => string): readonly string[] {
  const { parent } = node;
  if (ts.isIdentifier(node)) return isCondition(node, parent) ? ['true', 'false'] : [];
  const others = isCondition(node, parent) ? ['true', 'false'] : [];
  if (node.kind === ts.SyntaxKind.TrueKeyword) return ['false'];
  if (node.kind === ts.SyntaxKind.FalseKeyword) return ['true'];
  if (ts.isNumericLiteral(node))
    return ts.isPropertyAssignment(parent) && parent.name === node ? [] : [`${node.text} + 1`];
  if (ts.isPrefixUnaryExpression(node))
    return node.operator === ts.SyntaxKind.ExclamationToken ? [...others, raw(node.operand)] : others;
  if (ts.isBinaryExpression(node)) return [...others, ...ofBinary(node, raw)];
  if (ts.isCallExpression(node)) return [...others, ...ofCall(node, parent, raw)];
  return others;
}

function isCondition(node: ts.Node, parent: ts.Node): boolean {
  return (
    (ts.isIfStatement(parent) && parent.expression === node) ||
    (ts.isConditionalExpression(parent) && parent.condition === node)
  );
}

function ofBinary(
  { left, right, operatorToken }: ts.BinaryExpression,
  raw: (node: ts.Node) => string,
): string[] {
  const operator = raw(operatorToken);
  const [a, b] = [raw(left), raw(right)];
  if (operator === '&&') return [`(${a}) || (${b})`, a, b];
  if (operator === '||') return [`(${a}) && (${b})`, a, b];
  if (operator === '??') return [a, b];
  return (comparisons[operator] ?? []).map((other) => `${a} ${other} ${b}`);
}

function ofCall(node: ts.CallExpression, parent: ts.Node, raw: (node: ts.Node) => string): string[] {
  const others = ts.isExpressionStatement(parent) ? ['undefined'] : [];
  if (!ts.isPropertyAccessExpression(node.expression)) return others;
  const { name, expression } = node.expression;
  const other = methods.get(name.text);
  if (other !== undefined && !node.expression.questionDotToken)
    others.push(`${raw(expression)}.${other}(${node.arguments.map(raw).join(', ')})`);
  if (passing.has(name.text) && !node.expression.questionDotToken) others.push(raw(expression));
  return others;
}
