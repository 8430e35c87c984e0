// Applications that may speak to the platform: registered by one administrator, reviewed and stopped by another.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { PlusOutlined } from "@ant-design/icons";
import { App, Button, Drawer, Flex, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { saidIn } from "~/fhir/parameters";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { Reasoned } from "~/ui/Reasoned";
import { Rows } from "~/ui/Rows";
import { dayOf } from "~/ui/time";
import { asked } from "./asking";

interface Application {
  client: string;
  name: string;
  owner: string;
  purpose: string;
  scopes: string[];
  redirects: string[];
  public: boolean;
  rate: number;
  quota: number;
  review: "asked" | "passed" | "failed";
  status: "admitted" | "suspended" | "left";
  usable: boolean;
  reviewedBy?: string;
  expires: string;
}

const COLOURS = { asked: "orange", passed: "green", failed: "red" };

export default function Applications() {
  const { t } = useTranslation("translation", { keyPrefix: "applications" });
  const { client, who } = useHere();
  const queries = useQueryClient();
  const [adding, setAdding] = useState(false);
  const found = useQuery({
    queryKey: ["administration", "applications"],
    queryFn: () => client.get<{ applications: Application[] }>("$administration/applications"),
  });
  const again = () => queries.invalidateQueries({ queryKey: ["administration", "applications"] });
  const post = async (one: Application, verb: string, body: object) => {
    await client.post(`$administration/applications/${encodeURIComponent(one.client)}/${verb}`, body);
    await again();
  };
  const state = (one: Application) => (one.status === "admitted" ? t(`reviews.${one.review}`) : t("suspended"));
  return (
    <Page
      title={t("title")} say={t("say")}
      actions={who.role === "system-administrator" ? <Button type="primary" icon={<PlusOutlined />} onClick={() => setAdding(true)}>{t("add")}</Button> : null}
    >
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        rowKey="client" dataSource={found.data?.applications ?? []} loading={found.isLoading} exported={{ title: t("title") }}
        locale={{ emptyText: <Nothing say={t("empty")} /> }}
        columns={[
          { title: t("name"), dataIndex: "name" },
          { title: t("client"), dataIndex: "client", render: (text: string) => <Typography.Text copyable>{text}</Typography.Text> },
          { title: t("owner"), dataIndex: "owner" },
          { title: t("state"), text: state, render: (_, one) => <Tag color={one.status === "admitted" ? COLOURS[one.review] : "default"}>{state(one)}</Tag> },
          { title: t("scopes"), text: (one) => one.scopes.join(" "), render: (_, one) => <div style={{ maxWidth: 320 }}>{one.scopes.join(" ")}</div> },
          { title: t("proof"), text: (one) => t(one.public ? "public" : "keys") },
          { title: t("limit"), text: (one) => (one.rate || one.quota ? t("limits", { rate: one.rate || "—", quota: one.quota || "—" }) : t("no-limit")) },
          { title: t("expires"), text: (one) => dayOf(one.expires) },
          { title: t("reviewed"), text: (one) => one.reviewedBy ?? "" },
          ...(who.role === "security-administrator" ? [{
            title: t("acts"),
            render: (_: unknown, one: Application) => (
              <Flex gap={4} wrap>
                {one.review !== "passed" ? <Reasoned optional type="primary" label={t("pass")} title={t("pass-say")} say={one.name} act={() => post(one, "review", { passed: true })} /> : null}
                {one.review !== "failed" ? <Reasoned danger optional label={t("fail")} title={t("fail-say")} say={one.name} act={() => post(one, "review", { passed: false })} /> : null}
                {one.status === "admitted"
                  ? <Reasoned danger label={t("suspend")} title={t("suspend-say")} say={one.name} act={(why) => post(one, "suspend", { why })} />
                  : <Reasoned label={t("resume")} title={t("resume-say")} say={one.name} act={(why) => post(one, "resume", { why })} />}
              </Flex>
            ),
          }] : []),
        ]}
      />
      <Drawer open={adding} title={t("add")} onClose={() => setAdding(false)} size="large" destroyOnHidden>
        <Adding done={() => { setAdding(false); void again(); }} />
      </Drawer>
    </Page>
  );
}

function Adding({ done }: { done: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "applications" });
  const { client } = useHere();
  const { modal } = App.useApp();
  const owners = useQuery({
    queryKey: ["administration", "owners"],
    queryFn: () => client.get<fhir4.Bundle>("Organization", { _count: 500, _elements: "name", "partof:missing": true }),
  });
  const adding = useMutation({
    mutationFn: (response: fhir4.QuestionnaireResponse) => client.post<{ client: string }>("$administration/applications", saidIn(response)),
    onSuccess: (made) => {
      modal.success({ title: t("added"), content: <><p>{t("added-say")}</p><Typography.Text copyable strong>{made.client}</Typography.Text></> });
      done();
    },
  });
  return (
    <Flex vertical gap={12}>
      {owners.isSuccess ? <QuestionnaireForm questionnaire={asked(t, owners.data)} sending={adding} done={t("add")} /> : null}
      <ProblemBox error={owners.error} />
    </Flex>
  );
}
