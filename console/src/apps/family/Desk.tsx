// The desk answers what a family asked for it: the resident, or the child, stands there with his papers.
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Card, Checkbox, Flex, Form, Input } from "antd";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { answered } from "~/fhir/parameters";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { RIGHTS, about } from "./rights";

interface Said {
  digits: string;
  name: string;
  number: string;
  evidence: string;
  rights: string[];
}

export default function Desk() {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { client } = useHere();
  const [form] = Form.useForm<Said>();
  const rights = Form.useWatch("rights", form) ?? [];
  const give = useMutation({
    mutationFn: ({ rights: given, ...said }: Said) => client.post<fhir4.Parameters>("$family-desk", about(said, given)),
    onSuccess: () => form.resetFields(),
  });
  const done = answered(give.data);
  const field = (name: keyof Said, extra?: string) => (
    <Form.Item name={name} label={t(name)} extra={extra} rules={[{ required: true, message: t("needed") }]}>
      <Input autoComplete="off" maxLength={200} />
    </Form.Item>
  );
  return (
    <Page title={t("title")} say={t("say")}>
      <Card style={{ maxWidth: 560 }}>
        <Form form={form} layout="vertical" initialValues={{ rights: [] }} onFinish={(said) => give.mutate(said)}>
          {field("digits", t("digitsSay"))}
          {field("name")}
          {field("number")}
          {field("evidence", t("evidenceSay"))}
          <Form.Item name="rights" label={t("rights")} extra={t("rightsSay")}>
            <Checkbox.Group options={RIGHTS.map((one) => ({ value: one, label: t(`right.${one}`) }))} />
          </Form.Item>
          <Flex vertical gap={12}>
            <ProblemBox error={give.error} />
            {give.isSuccess ? <Alert type="success" showIcon role="status" title={t("done", { name: done.text("member"), relation: t(`relation.${done.text("relation")}`) })} /> : null}
            <Button type="primary" htmlType="submit" danger={!rights.length} loading={give.isPending}>{t(rights.length ? "give" : "refuse")}</Button>
          </Flex>
        </Form>
      </Card>
    </Page>
  );
}
