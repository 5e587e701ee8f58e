from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mailchannel', '0002_roles'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='MailDefaults',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('attachments', models.JSONField(blank=True, default=dict, help_text='Attachment rules, by name.')),
            ],
            options={
                'verbose_name': 'system defaults',
                'verbose_name_plural': 'system defaults',
            },
        ),
        migrations.AddField(
            model_name='inboundmail',
            name='manifest',
            field=models.JSONField(default=list, help_text='Every part of the mail, and what became of it.'),
        ),
        migrations.AlterModelOptions(
            name='inboundmail',
            options={'ordering': ['-pk'], 'permissions': [('restore_files', 'Can restore files that were left out of mails')], 'verbose_name': 'received mail'},
        ),
        migrations.AddField(
            model_name='mailserver',
            name='alert_to',
            field=models.ManyToManyField(blank=True, help_text='Who is told of trouble with its mail.', related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='mailserver',
            name='attachments',
            field=models.JSONField(blank=True, default=dict, help_text='Its own attachment rules, by name.'),
        ),
        migrations.AlterField(
            model_name='outboundmail',
            name='kind',
            field=models.CharField(choices=[('reply', 'Answer'), ('acknowledgement', 'Confirmation'), ('notice', 'Notice to the sender'), ('alert', 'Notice to the team')], max_length=16),
        ),
        migrations.AddIndex(
            model_name='outboundmail',
            index=models.Index(fields=['kind', 'created'], name='outbound_by_kind'),
        ),
        migrations.AddConstraint(
            model_name='maildefaults',
            constraint=models.CheckConstraint(condition=models.Q(('pk', 1)), name='only_one_row_of_defaults'),
        ),
    ]
