// Alarms as they happen, over one websocket. A connection that is lost is said at once, and taken up again where it broke.
import { useEffect, useRef, useState } from "react";
import { useClient } from "~/fhir/context";
import { language } from "~/ui/language";
import { alarmOf, type Alarm } from "./alarm";

export type Line = "connecting" | "live" | "lost" | "refused";
type Told = { type: "snapshot" | "changes" | "beat"; number: number; alarms?: Record<string, string | number>[] };

const SILENT = 25_000; // The platform says something every 10 seconds; after so many milliseconds the line is dead.
const PAUSES = [500, 1_000, 2_000, 5_000, 10_000];
const REFUSED = 4403;

/** onFresh: alarms that were not known, or have become graver, since the page was opened. */
export function useLive(onFresh: (alarms: Alarm[]) => void): { alarms: Map<number, Alarm>; line: Line; heard: number } {
  const client = useClient();
  const [alarms, setAlarms] = useState<Map<number, Alarm>>(new Map());
  const [line, setLine] = useState<Line>("connecting");
  const [heard, setHeard] = useState(0);
  const fresh = useRef(onFresh);
  fresh.current = onFresh;
  useEffect(() => {
    const known = new Map<number, Alarm>();
    const speaks = language();
    let [socket, over, tried, since] = [null as WebSocket | null, false, 0, ""];
    let [silence, pause] = [0, 0];

    const take = (told: Told) => {
      const given = (told.alarms ?? []).map(alarmOf);
      const isFirst = since === "";
      since = String(told.number);
      const news = given.filter((one) => one.state !== "closed" && !one.quiet && isGraver(one, known.get(one.id)));
      if (told.type === "snapshot") known.clear();
      for (const one of given) one.state === "closed" ? known.delete(one.id) : known.set(one.id, one);
      if (told.type !== "beat") setAlarms(new Map(known));
      if (news.length && !isFirst) fresh.current(news);
      setHeard(Date.now());
    };
    const listen = () => {
      window.clearTimeout(silence);
      silence = window.setTimeout(() => socket?.close(), SILENT);
    };
    const again = () => {
      if (over) return;
      setLine("lost");
      pause = window.setTimeout(() => void connect(), PAUSES[Math.min(tried++, PAUSES.length - 1)]);
    };
    const connect = async () => {
      const token = await client.token().catch(() => "");
      if (over) return;
      if (!token) return again();
      const url = new URL("/alarms/live", location.href);
      url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
      url.search = new URLSearchParams({ lang: speaks, ...(since ? { since } : {}) }).toString();
      socket = new WebSocket(url, ["kangyun", `bearer.${token}`]);
      listen();
      socket.onmessage = (message) => {
        listen();
        tried = 0;
        setLine("live");
        take(JSON.parse(String(message.data)) as Told);
      };
      socket.onclose = (closed) => {
        window.clearTimeout(silence);
        if (closed.code === REFUSED) setLine("refused");
        else again();
      };
    };
    const atOnce = () => {
      window.clearTimeout(pause);
      if (!over && socket?.readyState !== WebSocket.OPEN) void connect();
    };
    void connect();
    window.addEventListener("online", atOnce);
    return () => {
      over = true;
      window.removeEventListener("online", atOnce);
      window.clearTimeout(silence);
      window.clearTimeout(pause);
      socket?.close();
    };
  }, [client]);
  return { alarms, line, heard };
}

const WEIGHT = { yellow: 1, amber: 2, red: 3 } as const;

function isGraver(one: Alarm, before: Alarm | undefined): boolean {
  if (!before) return one.state !== "acknowledged";
  return WEIGHT[one.level] > WEIGHT[before.level] || (one.state !== "acknowledged" && one.count > before.count);
}
