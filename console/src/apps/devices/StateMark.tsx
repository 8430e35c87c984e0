// How a device is: a word and a sign, and then a colour. Silent is never shown as well.
import { CheckCircleOutlined, ClockCircleOutlined, DisconnectOutlined, InboxOutlined, MinusCircleOutlined, QuestionCircleOutlined, StopOutlined, ThunderboltOutlined, WarningOutlined } from "@ant-design/icons";
import { Tag } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { State } from "./device";

const MARKS: Record<State, { color: string; icon: ReactNode }> = {
  sending: { color: "success", icon: <CheckCircleOutlined /> },
  silent: { color: "error", icon: <DisconnectOutlined /> },
  never: { color: "warning", icon: <QuestionCircleOutlined /> },
  battery: { color: "warning", icon: <ThunderboltOutlined /> },
  clock: { color: "warning", icon: <ClockCircleOutlined /> },
  refused: { color: "warning", icon: <WarningOutlined /> },
  unused: { color: "default", icon: <InboxOutlined /> },
  stopped: { color: "default", icon: <MinusCircleOutlined /> },
  revoked: { color: "default", icon: <StopOutlined /> },
};

export function StateMark({ state }: { state: State }) {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  return <Tag color={MARKS[state].color} icon={MARKS[state].icon} style={{ marginInlineEnd: 0 }}>{t(`state.${state}`)}</Tag>;
}
