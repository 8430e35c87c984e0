// How a feed stands, in a word; the dot only repeats it.
import { Badge } from "antd";
import { useTranslation } from "react-i18next";
import type { State } from "./feed";

const DOTS = { applied: "default", testing: "processing", trial: "warning", live: "success", paused: "error" } as const;

export function StateTag({ state }: { state: State }) {
  const { t } = useTranslation();
  return <Badge status={DOTS[state]} text={t(`feeds.states.${state}`)} style={{ whiteSpace: "nowrap" }} />;
}
