import { calendarDay, daysInMonth, daysOf } from './calendar.ts';
import { derError, type Tlv, tags } from './der-reader.ts';

const utcTimeEnd = Date.UTC(2050, 0, 1);
const utcTimeStart = Date.UTC(1950, 0, 1);
/** RFC 5280 §4.1.2.5: 99991231235959Z is the last time that can be written. */
export const latestTime = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * Reads a Time as milliseconds since the epoch. RFC 5280 §4.1.2.5: UTCTime through 2049 and GeneralizedTime from
 * 2050 on; the other spelling is refused, so one instant has one encoding.
 */
export function readTime(bytes: Uint8Array, tlv: Tlv): number {
  const isUtc = tlv.tag === tags.utcTime;
  if (!isUtc && tlv.tag !== tags.generalizedTime) throw derError('not a time', tlv.start);
  if (tlv.end - tlv.valueStart !== (isUtc ? 13 : 15)) throw derError('time of a bad length', tlv.start);
  let at = tlv.valueStart;
  const two = () => {
    const value = ((bytes[at] as number) - 0x30) * 10 + ((bytes[at + 1] as number) - 0x30);
    at += 2;
    return value;
  };
  const short = two();
  const year = isUtc ? (short < 50 ? 2000 + short : 1900 + short) : short * 100 + two();
  const month = two();
  const day = two();
  const hour = two();
  const minute = two();
  const second = two();
  const isDay = year >= 1000 && day >= 1 && day <= daysInMonth(year, month);
  if (!isDay || hour > 23 || minute > 59 || second > 59)
    throw derError('a time that does not exist', tlv.start);
  const ms = daysOf(year, month, day) * msPerDay + ((hour * 60 + minute) * 60 + second) * 1000;
  if (!isUtc && ms >= utcTimeStart && ms < utcTimeEnd)
    throw derError('GeneralizedTime before the year 2050', tlv.start);
  return ms;
}

/** Writes a Time; a fraction of a second is dropped. */
export function derTime(ms: number): Uint8Array {
  const isUtc = ms >= utcTimeStart && ms < utcTimeEnd;
  const days = Math.floor(ms / msPerDay);
  const { year, month, day } = calendarDay(days);
  if (!(year >= 1000 && year <= 9999)) throw new TypeError('X.509 cannot write that year');
  const second = Math.floor((ms - days * msPerDay) / 1000);
  const out = new Uint8Array(isUtc ? 15 : 17);
  out[0] = isUtc ? tags.utcTime : tags.generalizedTime;
  out[1] = out.length - 2;
  if (!isUtc) putTwo(out, 2, Math.floor(year / 100));
  const from = isUtc ? 2 : 4;
  putTwo(out, from, year % 100);
  putTwo(out, from + 2, month);
  putTwo(out, from + 4, day);
  putTwo(out, from + 6, Math.floor(second / 3600));
  putTwo(out, from + 8, Math.floor(second / 60) % 60);
  putTwo(out, from + 10, second % 60);
  out[from + 12] = z;
  return out;
}

const msPerDay = 86_400_000;
const z = 0x5a;

function putTwo(out: Uint8Array, at: number, value: number): void {
  out[at] = 0x30 + Math.floor(value / 10);
  out[at + 1] = 0x30 + (value % 10);
}
