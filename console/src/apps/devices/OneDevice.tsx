// One device: how it is, what was refused of it, its claim code; stopping, resuming, taking back, revoking.
import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Alert, Button, Card, Descriptions, Drawer, Flex, Form, Input, Radio, Typography } from "antd";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered, parameters } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import { minuteOf } from "~/ui/time";
import { StateMark } from "./StateMark";
import { deviceOf, type Device } from "./device";

const ENDS = ["returned", "broken", "lost", "stolen"] as const;
interface Said { act: "stop" | "resume" | "revoke" | "return"; reason?: string; why?: (typeof ENDS)[number] }

export function OneDevice({ device, onClose, onDone }: { device: Device | null; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  return (
    <Drawer open={device !== null} onClose={onClose} title={device?.name ?? ""} size={520} destroyOnHidden aria-label={t("one")}>
      {device ? <Inside key={device.id} device={device} onDone={onDone} /> : null}
    </Drawer>
  );
}

function Inside({ device, onDone }: { device: Device; onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  const client = useClient();
  const path = `Device/${device.id}`;
  const health = useQuery({
    queryKey: ["device-health", device.id],
    queryFn: async () => answered(await client.get<fhir4.Parameters>(`${path}/$device-health`)).all("device").map(deviceOf)[0],
  });
  const refusals = useQuery({
    queryKey: ["device-refusals", device.id],
    queryFn: async () => answered(await client.get<fhir4.Parameters>(`${path}/$device-refusals`)).all("refusal"),
  });
  const code = useMutation({ mutationFn: async () => answered(await client.post<fhir4.Parameters>(`${path}/$claim-code`, parameters({}))).text("code") });
  const now = health.data ?? device;
  return (
    <Flex vertical gap={12}>
      <ProblemBox error={health.error ?? refusals.error} />
      <Flex gap={8} align="center" wrap><StateMark state={now.state} /><Typography.Text>{now.text}</Typography.Text></Flex>
      <Descriptions
        size="small" column={1}
        items={[
          { key: "heard", label: t("heard"), children: minuteOf(now.heard) || t("nothing-yet") },
          { key: "reading", label: t("reading"), children: minuteOf(now.reading) || t("nothing-yet") },
          { key: "battery", label: t("battery"), children: now.battery === null ? t("unknown") : `${now.battery}%` },
          { key: "firmware", label: t("firmware"), children: now.firmware || t("unknown") },
          { key: "questions", label: t("questions"), children: now.questions },
        ]}
      />
      <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("refusals")}</h3>}>
        {refusals.data?.length ? (
          <Flex vertical gap={4}>
            {refusals.data.slice(0, 20).map((one) => (
              <Typography.Text key={one.text("reason") + one.text("last")}>{t("refusal", { at: minuteOf(one.text("last")), count: one.number("count") ?? 1 })}{one.text("text")}</Typography.Text>
            ))}
          </Flex>
        ) : <Typography.Text type="secondary">{t("no-refusals")}</Typography.Text>}
      </Card>
      <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("claim")}</h3>}>
        <Flex vertical gap={8}>
          <Typography.Text type="secondary">{t("claim-say")}</Typography.Text>
          <ProblemBox error={code.error} />
          {code.data ? <Alert type="success" title={<Typography.Text copyable style={{ fontSize: 20, letterSpacing: 2 }}>{code.data}</Typography.Text>} /> : null}
          <Flex><Button loading={code.isPending} onClick={() => code.mutate()}>{t("new-code")}</Button></Flex>
        </Flex>
      </Card>
      <Acts path={path} state={now.state} onDone={() => { void health.refetch(); onDone(); }} />
    </Flex>
  );
}

function Acts({ path, state, onDone }: { path: string; state: Device["state"]; onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  const client = useClient();
  const { message } = App.useApp();
  const [form] = Form.useForm<Said>();
  const act = Form.useWatch("act", form);
  const acts: Said["act"][] = state === "revoked" ? [] : state === "stopped" ? ["resume", "revoke"] : state === "unused" ? ["stop", "revoke"] : ["return", "stop", "revoke"];
  const send = useMutation({
    mutationFn: (said: Said) => {
      if (said.act === "return") return client.post(`${path}/$return`, { resourceType: "Parameters", parameter: [{ name: "why", valueCode: said.why }] });
      if (said.act === "resume") return client.post(`${path}/$resume`, parameters({ reason: said.reason }));
      return client.post(`${path}/$revoke`, parameters({ reason: said.reason, "for-good": said.act === "revoke" }));
    },
    onSuccess: (_, said) => {
      void message.success(t(`acted.${said.act}`));
      form.resetFields();
      onDone();
    },
  });
  const forget = send.reset;
  useEffect(() => forget(), [act, forget]);
  if (acts.length === 0) return <Alert type="info" showIcon title={t("revoked-say")} />;
  return (
    <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("acts")}</h3>}>
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(said) => send.mutate(said)}>
        <Form.Item name="act" label={t("what")} rules={[{ required: true, message: t("what-needed") }]}>
          <Radio.Group options={acts.map((value) => ({ value, label: t(`act.${value}`) }))} />
        </Form.Item>
        {act ? <Typography.Paragraph type="secondary">{t(`act-say.${act}`)}</Typography.Paragraph> : null}
        {act === "return" ? (
          <Form.Item name="why" label={t("why")} initialValue="returned">
            <Radio.Group options={ENDS.map((value) => ({ value, label: t(`ends.${value}`) }))} />
          </Form.Item>
        ) : (
          <Form.Item name="reason" label={t("reason")} rules={[{ required: true, min: 2, whitespace: true, message: t("reason-needed") }]}>
            <Input.TextArea rows={2} maxLength={500} />
          </Form.Item>
        )}
        <ProblemBox error={send.error} />
        <Button htmlType="submit" type="primary" danger={act === "revoke"} loading={send.isPending} style={{ marginTop: 8 }}>{t("do")}</Button>
      </Form>
    </Card>
  );
}
