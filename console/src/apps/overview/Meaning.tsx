// What a number means: how it is reckoned, from what, how sure it is.
import { Descriptions, Drawer, theme } from "antd";
import { useTranslation } from "react-i18next";
import { minuteOf } from "~/ui/time";
import { below, number, type Figure, type Overview } from "./figures";

export function Meaning({ figure, told, onClose }: { figure: Figure | null; told: Overview; onClose: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "overview" });
  const { token } = theme.useToken();
  const said = figure
    ? [
        { key: "value", label: t("value"), children: `${number(figure)} ${figure.value === null ? "" : figure.unit}` },
        { key: "below", label: t("parts"), children: below(figure, t) || "—" },
        { key: "formula", label: t("formula"), children: figure.formula },
        { key: "source", label: t("source"), children: figure.source },
        { key: "kind", label: t("sure"), children: t(`kind.${figure.kind}`) },
        { key: "standard", label: t("standard"), children: figure.standard || t("none") },
        { key: "edition", label: t("edition"), children: told.edition },
        { key: "at", label: t("found"), children: minuteOf(figure.at ?? told.instant) },
      ]
    : [];
  return (
    <Drawer open={figure !== null} onClose={onClose} title={figure?.title} size="min(480px, 100vw)">
      <Descriptions column={1} layout="vertical" size="small" colon={false} items={said} styles={{ label: { color: token.colorTextSecondary } }} />
    </Drawer>
  );
}
