// A tone for what is new, by choice: red three times, anything else once. Made here, no file is loaded.
import { useEffect, useRef, useState } from "react";
import type { Alarm } from "./alarm";

const KEY = "kangyun-alarm-sound";

export function useSound(): { on: boolean; choose: (on: boolean) => void; ring: (alarms: Alarm[]) => void } {
  const [on, setOn] = useState(localStorage.getItem(KEY) === "on");
  const context = useRef<AudioContext | null>(null);
  useEffect(() => {
    if (!on) return;
    // A browser lets a page sound once somebody has touched it.
    const begin = () => {
      context.current ??= new AudioContext();
      void context.current.resume();
    };
    window.addEventListener("pointerdown", begin, { once: true });
    window.addEventListener("keydown", begin, { once: true });
    return () => {
      window.removeEventListener("pointerdown", begin);
      window.removeEventListener("keydown", begin);
      void context.current?.close();
      context.current = null;
    };
  }, [on]);
  const play = (times: number) => {
    const made = context.current;
    if (!made) return;
    for (let turn = 0; turn < times; turn += 1) tone(made, made.currentTime + turn * 0.35);
  };
  return {
    on,
    choose: (to) => {
      localStorage.setItem(KEY, to ? "on" : "off");
      setOn(to);
      if (!to) return;
      context.current ??= new AudioContext();
      void context.current.resume().then(() => play(1)); // So that one hears that one hears.
    },
    ring: (alarms) => on && play(alarms.some((one) => one.level === "red") ? 3 : 1),
  };
}

function tone(context: AudioContext, at: number): void {
  const [source, volume] = [context.createOscillator(), context.createGain()];
  source.frequency.value = 880;
  volume.gain.setValueAtTime(0.0001, at);
  volume.gain.exponentialRampToValueAtTime(0.3, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.25);
  source.connect(volume).connect(context.destination);
  source.start(at);
  source.stop(at + 0.3);
}
