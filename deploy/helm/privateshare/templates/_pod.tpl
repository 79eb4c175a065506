{{- define "privateshare.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "privateshare.labels" -}}
app.kubernetes.io/name: privateshare
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "privateshare.serviceAccount" -}}
{{ if .Values.serviceAccount.create }}{{ include "privateshare.name" . }}{{ else }}default{{ end }}
{{- end -}}

{{- /* The labels that select the pods of one kind: a dict with root and kind. */ -}}
{{- define "privateshare.selector" -}}
app.kubernetes.io/name: privateshare
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .kind }}
{{- end -}}

{{- /* What all pods have: the user, the secrets as files, folders to write to, and the settings. */ -}}
{{- define "privateshare.podSettings" -}}
automountServiceAccountToken: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: secrets
    secret: {secretName: {{ .Values.secretName }}, defaultMode: 0440}
  - name: data
    emptyDir: {sizeLimit: 64Mi}
  - name: temporary
    emptyDir: {sizeLimit: {{ .Values.temporary.size }}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "privateshare.container" -}}
image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  - {name: PRIVATESHARE_SETTINGS, value: /etc/privateshare/privateshare.toml}
  - {name: PRIVATESHARE_MASTER_KEY_FILE, value: /etc/privateshare/master-key}
  {{- range $name, $value := .Values.settings }}
  - {name: PRIVATESHARE_{{ $name | upper }}, value: {{ $value | toString | quote }}}
  {{- end }}
{{- with .Values.storeSecretName }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: secrets, mountPath: /etc/privateshare, readOnly: true}
  - {name: data, mountPath: /data}
  - {name: temporary, mountPath: /tmp}
{{- end -}}

{{- /* Ready once the database and the stores are; alive as long as it answers at all. */ -}}
{{- define "privateshare.probes" -}}
ports:
  - {name: http, containerPort: 8790}
startupProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 3
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
lifecycle:
  preStop:
    exec: {command: [sleep, "5"]} # until no request is routed here any more
{{- end -}}
