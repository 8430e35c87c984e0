// How a feed stands, in a word; the colour only repeats it.
import { Tag } from "antd";
import { useTranslation } from "react-i18next";
import type { State } from "./feed";

const COLOURS: Record<State, string> = { applied: "default", testing: "processing", trial: "warning", live: "success", paused: "error" };

export function StateTag({ state }: { state: State }) {
  const { t } = useTranslation();
  return <Tag color={COLOURS[state]}>{t(`feeds.states.${state}`)}</Tag>;
}
