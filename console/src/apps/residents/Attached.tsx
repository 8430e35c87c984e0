// What is attached to a document: text is shown as text, a picture as a picture, anything else is saved as a file.
import { useQuery } from "@tanstack/react-query";
import { Button, Skeleton, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { blobOf } from "~/fhir/workbook";
import { ProblemBox } from "~/ui/ProblemBox";
import { download } from "~/ui/download";

/** of: the document that it belongs to. place: which of its attachments it is. */
export function Attached({ of, place, attachment }: { of: string; place: number; attachment: fhir4.Attachment }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.documents" });
  const client = useClient();
  const type = attachment.contentType ?? "";
  const found = useQuery({
    // Never by how it begins: that is the same of all documents of a kind, whoever they are about.
    queryKey: ["document", of, "attached", place],
    queryFn: async () => {
      const blob = attachment.data ? blobOf(attachment.data, type) : await client.file(local(attachment.url ?? ""), {}, type || "*/*");
      return { blob, text: /^text\/|xml|json/.test(type) ? await blob.text() : "" };
    },
  });
  const title = attachment.title ?? t("attachment");
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active />;
  return (
    <section>
      <Typography.Title level={3} style={{ fontSize: 15 }}>{title}</Typography.Title>
      {type.startsWith("image/") ? <Picture blob={found.data.blob} title={title} /> : null}
      {found.data.text ? (
        <Typography.Paragraph style={{ whiteSpace: "pre-wrap", maxHeight: "60vh", overflow: "auto" }} tabIndex={0}>
          {/xml|html/.test(type) ? readable(found.data.text) : found.data.text}
        </Typography.Paragraph>
      ) : null}
      <Button onClick={() => download(found.data.blob, title)}>{t("save")}</Button>
    </section>
  );
}

function Picture({ blob, title }: { blob: Blob; title: string }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url ? <img src={url} alt={title} style={{ maxWidth: "100%" }} /> : null;
}

/** The record's own address of a Binary, without the base that it was written under. */
const local = (url: string): string => /Binary\/[^/?]+$/.exec(url)?.[0] ?? url;

/** The words of a document of the region (CDA): its titles and texts, in their order. */
function readable(xml: string): string {
  const document = new DOMParser().parseFromString(xml, "application/xml");
  const parts = [...document.getElementsByTagName("section")].map((one) =>
    ["title", "text"].map((name) => [...one.children].find((child) => child.localName === name)?.textContent?.trim() ?? "").filter(Boolean).join("\n"),
  );
  return parts.filter(Boolean).join("\n\n") || (document.documentElement.textContent ?? "").replace(/\s+\n/g, "\n").trim();
}
