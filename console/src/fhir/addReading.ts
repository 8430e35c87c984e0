// Keeping a measurement that was typed: `$add-reading`, which reads it, and asks back where a value is odd.
import { useRef, useState } from "react";
import type { Client } from "./client";
import { answered, parameters, type Parts } from "./parameters";

interface Reading {
  /** What is asked back; sent once more, it is said to be right. */
  asked: Parts | null;
  send: (line: string, place?: string) => Promise<Parts>;
  /** What was typed is another: it is of another instant, and nothing was asked of it. */
  forget: () => void;
}

export function useReading(client: Client, patient: string): Reading {
  // Of one instant, however often it is sent: where an answer was lost, the platform knows it again. confirm: what the
  // question before gave, to say that it is right.
  const said = useRef({ at: "", confirm: "" });
  const [asked, setAsked] = useState<Parts | null>(null);
  const send = async (line: string, place?: string) => {
    const sent = { ...said.current, at: said.current.at || client.now() };
    said.current = sent;
    const { at, confirm } = sent;
    const asks = parameters({ line, place: place ? { valueCode: place } : undefined, confirm, at: at ? { valueDateTime: at } : undefined });
    const told = answered(await client.post<fhir4.Parameters>(`Patient/${patient}/$add-reading`, asks));
    if (said.current !== sent) return told; // Another was typed meanwhile.
    said.current = { at: told.text("at"), confirm: told.text("confirm") };
    setAsked(told.text("state") === "asked" ? told : null);
    return told;
  };
  const forget = () => {
    said.current = { at: "", confirm: "" };
    setAsked(null);
  };
  return { asked, send, forget };
}
