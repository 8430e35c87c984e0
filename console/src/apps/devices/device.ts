// A device of the fleet as the platform tells it: how it is, in a sentence, and what is known of it.
import type { Parts } from "~/fhir/parameters";

export const STATES = ["sending", "silent", "never", "battery", "clock", "refused", "unused", "stopped", "revoked"] as const;
export type State = (typeof STATES)[number];

export interface Device {
  id: string;
  name: string;
  state: State;
  text: string;
  heard: string;
  reading: string;
  battery: number | null;
  firmware: string;
  refused: number;
  questions: number;
}

export function deviceOf(one: Parts): Device {
  return {
    id: one.text("device").replace("Device/", ""), name: one.named("device"), state: one.text("state") as State, text: one.text("text"),
    heard: one.text("heard"), reading: one.text("reading"), battery: one.number("battery"), firmware: one.text("firmware"),
    refused: one.number("refused") ?? 0, questions: one.number("questions") ?? 0,
  };
}
