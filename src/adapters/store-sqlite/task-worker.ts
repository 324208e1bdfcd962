import { linkSync, rmSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { connect } from './connection.ts';
import { reserveFile, syncDirectoryOf, syncPath } from './sync-files.ts';
import type { Task, TaskAnswer } from './tasks.ts';

/** A consistent copy of one moment, whatever is written meanwhile; it appears under its name only when whole. */
function backUp(task: Extract<Task, { task: 'backup' }>): void {
  const draft = `${task.file}.partial`;
  rmSync(draft, { force: true });
  reserveFile(draft);
  try {
    const source = connect(task.database, { readOnly: true });
    try {
      source.prepare('VACUUM INTO ?').run(draft);
    } finally {
      source.close();
    }
    markBackup(draft, task.at);
    syncPath(draft);
    linkSync(draft, task.file);
    syncDirectoryOf(task.file);
  } finally {
    rmSync(draft, { force: true });
  }
}

function markBackup(file: string, at: number): void {
  const copy = connect(file, { journal: 'delete' });
  try {
    copy.prepare('UPDATE meta SET backup_taken_at = ?').run(at);
    const problems = inspect(file);
    if (problems.length > 0) throw new Error(`the copy is damaged: ${problems.join('; ')}`);
  } finally {
    copy.close();
  }
}

function inspect(database: string, pragma = 'integrity_check'): readonly string[] {
  const db = connect(database, { readOnly: true });
  try {
    const lines = db.prepare(`PRAGMA ${pragma}(20)`).all();
    return lines.map((line) => String(line[pragma])).filter((line) => line !== 'ok');
  } finally {
    db.close();
  }
}

function query({ database, sql, values }: Extract<Task, { task: 'query' }>) {
  const db = connect(database, { readOnly: true });
  try {
    return db.prepare(sql).all(...values);
  } finally {
    db.close();
  }
}

function run(task: Task): TaskAnswer {
  try {
    if (task.task === 'check')
      return { ok: true, problems: inspect(task.database, task.quick ? 'quick_check' : 'integrity_check') };
    if (task.task === 'query') return { ok: true, problems: [], rows: query(task) };
    backUp(task);
    return { ok: true, problems: [] };
  } catch (error) {
    return { ok: false, detail: String(error) };
  }
}

const port: MessagePort | null = parentPort;
port?.postMessage(run(workerData as Task));
