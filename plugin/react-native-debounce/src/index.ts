/**
 * Debounce for React Native: an identify that says what the one before said is not sent to Braze again.
 *
 *     const client = createClient({ ... })
 *     client.add({ plugin: new DebouncePlugin() })
 *
 * A repeat leaves with `integrations: { Appboy: false }`. The Braze plugin on the device heeds it, and so does the
 * destination on the server, so it works in device and in cloud mode; the event still reaches the tracking API.
 *
 * Equal means the same userId, the same anonymousId and the same traits, compared by what they say: objects and
 * lists to any depth, in any order of keys. The memory is the process; a restart, a `reset()` and an identify that
 * the app itself switched off for Braze start anew. The cases are in tests/conformance/debounce.yaml, variant
 * "phone".
 */
import { EventPlugin, PluginType } from '@segment/analytics-react-native';
import type { IdentifyEventType } from '@segment/analytics-react-native';

/** The name under which every mobile plugin and the server know Braze; it is the one that is written. */
const BRAZE = 'Appboy';

/** All names of Braze an app may write into `integrations`. */
const NAMES = [BRAZE, 'Braze', 'Braze Cloud Mode (Actions)'];

export class DebouncePlugin extends EventPlugin {
  type = PluginType.before;

  /** What the last identify said, as text: an app that changes its traits object in place cannot change it. */
  private said: string | undefined;

  identify(event: IdentifyEventType): IdentifyEventType {
    if (!wantsBraze(event)) {
      return event;
    }
    const now = textOf(event);
    const isRepeat = now !== undefined && now === this.said;
    this.said = now;
    return isRepeat ? { ...event, integrations: { ...event.integrations, [BRAZE]: false } } : event;
  }

  reset(): void {
    this.said = undefined;
  }
}

/** Whether the app itself lets this event go to Braze: a refusal under any of the names wins, else `All` decides. */
function wantsBraze({ integrations }: IdentifyEventType): boolean {
  const entries = NAMES.map((name) => integrations?.[name]).filter((entry) => entry !== undefined);
  return entries.length > 0 ? !entries.includes(false) : integrations?.All !== false;
}

/** Who, and what is said about them, in one text with sorted keys; undefined for what JSON cannot say. */
function textOf({ userId, anonymousId, traits }: IdentifyEventType): string | undefined {
  try {
    return JSON.stringify([userId ?? null, anonymousId ?? null, traits ?? {}], sorted);
  } catch {
    return undefined;
  }
}

/** JSON.stringify's replacer that puts the keys of every object in order. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return value;
  }
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries);
}
