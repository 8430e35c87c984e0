// The developer's corner: how to begin, the API as it describes itself, and FHIR to look at by the rights of who is signed in.
import { Flex, Tabs, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { Begin } from "./Begin";
import { Explorer } from "./Explorer";
import { Reference } from "./Reference";
import "./developers.css";

const TABS = { begin: Begin, reference: Reference, explorer: Explorer };

export default function Developers() {
  const { t } = useTranslation("translation", { keyPrefix: "developers" });
  const [search, setSearch] = useSearchParams();
  return (
    <Flex vertical gap={8}>
      <Typography.Title level={1} style={{ fontSize: 20, margin: 0 }}>{t("title")}</Typography.Title>
      <Tabs
        activeKey={search.get("tab") ?? "begin"}
        onChange={(tab) => setSearch({ tab })}
        destroyOnHidden
        items={Object.entries(TABS).map(([key, Tab]) => ({ key, label: t(`tabs.${key}`), children: <Tab /> }))}
      />
    </Flex>
  );
}
