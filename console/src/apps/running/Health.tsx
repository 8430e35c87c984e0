// Each part with its figures; what asks for a look is said in words, and by a mark.
import { CheckCircleFilled, ExclamationCircleFilled } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Alert, Card, Flex, Tag, Typography, theme } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { comma } from "~/ui/joining";
import { bytesOf, numberOf } from "~/ui/sizes";
import { minuteOf } from "~/ui/time";

interface Figure {
  part: string;
  called: string;
  value: number;
  unit: string;
  above: number | null;
  well: boolean;
}

interface Told {
  at: string;
  needed: { name: string; well: boolean; needed: boolean }[];
  parts: Record<string, string>;
  figures: Figure[];
}

export function Health() {
  const { t, i18n } = useTranslation("translation", { keyPrefix: "running" });
  const client = useClient();
  const found = useQuery({ queryKey: ["administration", "health", i18n.language], refetchInterval: 15_000, queryFn: () => client.get<Told>("$administration/health") });
  const told = found.data;
  const wrong = [...(told?.needed ?? []).filter((one) => !one.well).map((one) => t(`needed.${one.name}`)), ...(told?.figures ?? []).filter((one) => !one.well).map((one) => one.called)];
  return (
    <Flex vertical gap={12}>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      {told ? <Alert showIcon role="status" type={wrong.length ? "warning" : "success"} title={wrong.length ? t("look-at", { what: wrong.join(comma()) }) : t("all-well")} description={t("as-of", { at: minuteOf(told.at) })} /> : null}
      <Flex gap={8} wrap>
        {told?.needed.map((one) => <Tag key={one.name} color={one.well ? "green" : "red"} icon={<Mark well={one.well} />}>{t(`needed.${one.name}`)}　{t(one.well ? "well" : "unwell")}</Tag>)}
      </Flex>
      <div style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 300px), 1fr))" }}>
        {Object.entries(told?.parts ?? {}).map(([part, called]) => {
          const figures = told?.figures.filter((one) => one.part === part) ?? [];
          return figures.length ? (
            <Card key={part} size="small" title={<Flex gap={8}><Mark well={figures.every((one) => one.well)} />{called}</Flex>}>
              {figures.map((one) => (
                <Flex key={one.called} justify="space-between" gap={12}>
                  <Typography.Text type="secondary">{one.called}</Typography.Text>
                  <Typography.Text strong={!one.well} type={one.well ? undefined : "danger"} style={{ whiteSpace: "nowrap" }}>
                    {one.well ? "" : `${t("over", { limit: shown({ ...one, value: one.above ?? 0 }, t) })} `}{shown(one, t)}
                  </Typography.Text>
                </Flex>
              ))}
            </Card>
          ) : null;
        })}
      </div>
    </Flex>
  );
}

function Mark({ well }: { well: boolean }) {
  const { t } = useTranslation("translation", { keyPrefix: "running" });
  const { token } = theme.useToken();
  const said = t(well ? "well" : "unwell");
  return well ? <CheckCircleFilled aria-label={said} style={{ color: token.colorSuccess }} /> : <ExclamationCircleFilled aria-label={said} style={{ color: token.colorError }} />;
}

function shown(one: Figure, t: (key: string, values?: { count: number }) => string): string {
  if (one.unit === "B") return bytesOf(one.value);
  if (one.unit !== "s") return numberOf(one.value);
  if (one.value < 120) return t("seconds", { count: Math.round(one.value) });
  return one.value < 7200 ? t("minutes", { count: Math.round(one.value / 60) }) : t("hours", { count: Math.round(one.value / 3600) });
}
