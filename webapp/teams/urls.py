from django.urls import path

from webapp.teams import views

urlpatterns = [
    path("login/<str:secret>/", views.login_link, name="login-link"),
    path("invitation/<str:secret>/", views.invitation, name="invitation"),
    path("account/", views.account, name="account"),
    path("teams/new/", views.team_new, name="team-new"),
    path("teams/<str:code>/", views.team_detail, name="team-detail"),
    path("teams/<str:code>/rename/", views.team_rename, name="team-rename"),
    path("teams/<str:code>/invitations/", views.invitation_create, name="invitation-create"),
    path("invitations/<str:code>/revoke/", views.invitation_revoke, name="invitation-revoke"),
    path("teams/<str:code>/members/<int:user_id>/role/", views.membership_set_role, name="membership-role"),
    path("teams/<str:code>/members/<int:user_id>/remove/", views.membership_remove, name="membership-remove"),
    path("teams/<str:code>/members/<int:user_id>/owner/", views.ownership_transfer, name="ownership-transfer"),
]
