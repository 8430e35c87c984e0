// What is to be seen of a resident, in words with a sign: colour says nothing alone.
import { ArrowDownOutlined, ArrowUpOutlined, BellFilled, ExclamationCircleFilled, WarningFilled } from "@ant-design/icons";
import { Flex, Tag, Tooltip, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { minuteOf } from "~/ui/time";
import type { Discharge, OpenAlarm, Value } from "./day";

const LEVELS: Record<string, { color: string; icon: React.ReactNode }> = {
  red: { color: "error", icon: <ExclamationCircleFilled /> },
  amber: { color: "warning", icon: <WarningFilled /> },
};
const MOST = 3;

export function Alarms({ alarms }: { alarms: OpenAlarm[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "today" });
  return (
    <Flex gap={4} wrap>
      {alarms.map((one) => (
        <Link key={one.number} to={`/alarms?id=${one.number}`}>
          <Tag color={LEVELS[one.level]?.color} icon={LEVELS[one.level]?.icon ?? <BellFilled />} style={{ marginInlineEnd: 0 }}>
            {t(`level.${one.level}`)} {t(`rule.${one.rule}`, { defaultValue: t("rule.other") })} {minuteOf(one.since).slice(5)}
          </Tag>
        </Link>
      ))}
    </Flex>
  );
}

export function Discharges({ discharges }: { discharges: Discharge[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "today" });
  return (
    <Flex vertical>
      {discharges.map((one) => (
        <span key={one.until + one.why}>{t("came-home", { at: minuteOf(one.until).slice(5), where: one.institution || t("somewhere"), why: one.why })}</span>
      ))}
    </Flex>
  );
}

export function Values({ values }: { values: Value[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "today" });
  return (
    <Flex vertical>
      {values.slice(0, MOST).map((one) => (
        <Tooltip key={one.what + one.at} title={[minuteOf(one.at), one.range ? t("range", { range: one.range }) : ""].filter(Boolean).join(" ")}>
          <span>
            {one.what} <Typography.Text strong>{one.value}</Typography.Text> {one.side.endsWith("low") ? <ArrowDownOutlined /> : one.side.endsWith("high") ? <ArrowUpOutlined /> : null}
            <Typography.Text strong={one.side.startsWith("critical")} type={one.side.startsWith("critical") ? "danger" : undefined}>{t(`side.${one.side}`)}</Typography.Text>
          </span>
        </Tooltip>
      ))}
      {values.length > MOST ? <Typography.Text type="secondary">{t("more", { count: values.length - MOST })}</Typography.Text> : null}
    </Flex>
  );
}
