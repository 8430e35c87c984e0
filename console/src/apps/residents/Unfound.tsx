// Nobody was found: that does not mean that there is nobody. What may be tried, and how the resident can let one look.
import { Card, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useHere } from "~/app/session";
import { Nothing } from "~/ui/Nothing";
import { Ways, type Way } from "./Ways";
import { ID_NUMBER } from "./presenting";

const TREATING = ["doctor", "nurse", "family-doctor"];

export function Unfound({ asked }: { asked: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const navigate = useNavigate();
  const { who } = useHere();
  const isNumber = /^\d{17}[\dXx]$/.test(asked);
  const ways: Way[] = isNumber ? ["card", "word", "emergency"] : ["card"];
  return (
    <Flex vertical gap={12}>
      <Nothing say={t("none")} />
      {TREATING.includes(who.role) ? (
        <Card size="small" title={t("ways.title")}>
          <Typography.Paragraph type="secondary">{t(isNumber ? "ways.by-number" : "ways.by-code")}</Typography.Paragraph>
          <Ways
            ways={ways} target={isNumber ? { identifier: `${ID_NUMBER}|${asked.toUpperCase()}` } : {}}
            onOpened={(id) => navigate(`/residents/${id}`)}
          />
        </Card>
      ) : null}
    </Flex>
  );
}
