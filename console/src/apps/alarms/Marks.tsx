// Level and state of an alarm: a word and a sign each, and then a colour.
import { BellFilled, CheckCircleOutlined, ClockCircleOutlined, ExclamationCircleFilled, RiseOutlined, WarningFilled } from "@ant-design/icons";
import { Tag } from "antd";
import { useTranslation } from "react-i18next";
import type { Level, State } from "./alarm";

const LEVELS = {
  red: { color: "error", icon: <ExclamationCircleFilled /> },
  amber: { color: "warning", icon: <WarningFilled /> },
  yellow: { color: "default", icon: <BellFilled /> },
} as const;
const STATES = {
  raised: <BellFilled />, escalated: <RiseOutlined />, acknowledged: <ClockCircleOutlined />, closed: <CheckCircleOutlined />,
} as const;

export function LevelMark({ level }: { level: Level }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  return <Tag color={LEVELS[level].color} icon={LEVELS[level].icon} style={{ marginInlineEnd: 0 }}>{t(`level.${level}`)}</Tag>;
}

export function StateMark({ state }: { state: State }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  return <Tag icon={STATES[state]} style={{ marginInlineEnd: 0 }}>{t(`state.${state}`)}</Tag>;
}
