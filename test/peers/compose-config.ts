import { dirname } from 'node:path';
import { followLink } from '../../src/cli/follow-link.ts';
import { readText } from '../../src/cli/load-project.ts';
import { configJson, configYaml, formatMistake, loadStack } from '../../src/stack/index.ts';
import { compose, environment } from './docker-compose.ts';

/** How `config` of these files differs from docker compose's; null: the same text, in JSON and YAML (then `accepted` is told), or both refuse. */
export async function difference(files: readonly string[], formats: readonly ('json' | 'yaml')[] = ['json', 'yaml'], accepted: () => void = () => undefined, profiles: readonly string[] = []): Promise<string | null> {
  const { project, mistakes } = loadStack({ files, workingDir: dirname(files[0] ?? '/'), projectName: null, environment, profiles, envFiles: null, read: readText, followLink });
  for (const format of formats) {
    const { out, err } = await compose([...files.flatMap((file) => ['-f', file]), ...profiles.flatMap((profile) => ['--profile', profile]), 'config', '--format', format]);
    if (out === null) return project === null ? null : `accepted here, refused there: ${lastLine(err)}`;
    if (project === null) return `refused here: ${mistakes.map(formatMistake).join(' | ').slice(0, 500)}`;
    const ours = format === 'json' ? configJson(project) : configYaml(project);
    if (ours.trimEnd() !== out.trimEnd()) return `${format}: ${firstDifference(ours, out)}`;
  }
  accepted();
  return null;
}

function lastLine(text: string): string {
  return text.split('\n').filter((line) => line !== '' && !line.includes('level=warning')).join(' ').slice(0, 300);
}

function firstDifference(ours: string, theirs: string): string {
  const [a, b] = [ours.split('\n'), theirs.split('\n')];
  const at = a.findIndex((line, index) => line !== b[index]);
  return `line ${String(at + 1)}: here ${JSON.stringify(a.slice(Math.max(0, at - 1), at + 2).join('\n'))}, there ${JSON.stringify(b.slice(Math.max(0, at - 1), at + 2).join('\n'))}`.slice(0, 600);
}
