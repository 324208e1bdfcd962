import { describe, expect, it } from 'vitest';
import { parseIp, parseIpBlock } from '../../base/ip.ts';
import { judgeAddress } from './addresses.ts';

const judge = (text: string, options: { allow?: string[]; privateAllowed?: boolean } = {}) => {
  const ip = parseIp(text);
  const allow = (options.allow ?? [])
    .map((range) => parseIpBlock(range))
    .filter((range) => range !== undefined);
  if (ip === undefined) throw new Error(text);
  return judgeAddress(ip, { allow, privateAllowed: options.privateAllowed ?? false });
};

describe('an outgoing address', () => {
  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '169.254.169.254',
    '169.254.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    'fe80::1',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:169.254.169.254',
    '::ffff:7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  ])('%s is local or of the cloud, and blocked even where private networks are not (adv:O05)', (text) => {
    expect(judge(text, { privateAllowed: true })).toBe('local');
  });

  it.each([
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    'fd12::1',
    '64:ff9b::a00:1',
    '::ffff:10.0.0.1',
  ])('%s is private: blocked for policies, open to settings (adv:O05)', (text) => {
    expect(judge(text)).toBe('private');
    expect(judge(text, { privateAllowed: true })).toBe('allowed');
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2002:808:808::1'])(
    '%s is open to all',
    (text) => {
      expect(judge(text)).toBe('allowed');
    },
  );

  it('that is listed is reached, and only that (adv:O05)', () => {
    expect(judge('127.0.0.1', { allow: ['127.0.0.1'] })).toBe('allowed');
    expect(judge('::ffff:127.0.0.1', { allow: ['127.0.0.1'] })).toBe('allowed');
    expect(judge('127.0.0.2', { allow: ['127.0.0.1'] })).toBe('local');
    expect(judge('10.1.2.3', { allow: ['10.1.0.0/16'] })).toBe('allowed');
  });
});
