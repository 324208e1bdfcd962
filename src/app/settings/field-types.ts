import { z } from 'zod';
import { type Duration, parseDuration } from '../../base/duration.ts';
import { parseIpBlock } from '../../base/ip.ts';
import { isTrustDomain, type TrustDomain } from '../../spiffe/index.ts';

/** What a setting is beyond its type; used by the loader and the reference page. */
export interface FieldFacts {
  /** A path: relative ones are read from the settings file's directory (the working directory for flags). */
  readonly path?: true;
  readonly example?: string;
}

export const facts = z.registry<FieldFacts>();

function readDuration(text: string, context: z.RefinementCtx): Duration {
  try {
    return parseDuration(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not a duration such as 90s, 15m, 24h or 30d' });
    return z.NEVER;
  }
}

export function duration(fallback: string) {
  return z.string().default(fallback).transform(readDuration);
}

/** Absent: what the rest of the settings imply. */
export function optionalDuration() {
  return z.string().transform(readDuration).optional();
}

export const trustDomain = z
  .string()
  .default('cluster.local')
  .transform((text, context): TrustDomain => {
    if (isTrustDomain(text)) return text;
    context.addIssue({
      code: 'custom',
      message: 'not a trust domain name (a-z, 0-9, dot, dash, underscore)',
    });
    return z.NEVER;
  });

export function port(fallback: number) {
  return z.int().min(0).max(65_535).default(fallback);
}

export function count(fallback: number, max = 1_000_000) {
  return z.int().min(1).max(max).default(fallback);
}

export function filePath() {
  return z.string().min(1).max(4_096).register(facts, { path: true });
}

/** An address range such as 10.0.0.0/8, or one address. */
export const addressRange = z
  .string()
  .refine((text) => parseIpBlock(text) !== undefined, { message: 'not an address range such as 10.0.0.0/8' });

export const bindAddress = z.string().min(1).max(255).default('127.0.0.1');

/** An https URL; its host may be a name or an address, as an API server's often is. */
export function httpsUrl() {
  return z.url({ protocol: /^https$/, error: 'not an https URL' });
}
